package local_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/local"
)

func TestChromiumIsFoundByManyAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if path, err := local.EnsureChromium(t.Context(), t.Output()); err != nil || path == "" {
				t.Errorf("EnsureChromium: %q, %v", path, err)
			}
		})
	}
	all.Wait()
}

func TestWhoMayNotInstallIsToldTheCommand(t *testing.T) {
	path, err := local.EnsureChromium(t.Context(), t.Output())
	require.NoError(t, err)
	require.Empty(t, local.MissingChromium(path))
	require.Equal(t, []string{"chromium"}, local.MissingChromium(""), "its fonts are here")
	require.EqualError(t, local.ByHand([]string{"chromium", "fonts-noto-core"}),
		"chromium and fonts-noto-core missing; install with: sudo apt-get install --no-install-recommends -y chromium fonts-noto-core")
}
