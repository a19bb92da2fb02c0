package chain_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/testkit"
)

func TestHowFarTheFinalBlockIsBehindIsKnownFromMostNodesOnly(t *testing.T) {
	c, proxies, seen := client(t, 3)
	head, finalized, known, err := seen.Heights(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{uint64(11), uint64(0), true}, []any{head, finalized, known})
	require.NoError(t, c.Finalize())
	c.Commit()
	head, finalized, known, err = seen.Heights(t.Context())
	require.NoError(t, err)
	require.Equal(t, []any{uint64(33), uint64(32), true}, []any{head, finalized, known})
	for _, proxy := range proxies[1:] {
		proxy.On("*", testkit.Status(503))
	}
	_, _, known, err = seen.Heights(t.Context())
	require.NoError(t, err)
	require.False(t, known)
}
