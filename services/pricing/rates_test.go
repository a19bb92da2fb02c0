package pricing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyThisMachineIsAskedOverPlainHTTPWithoutAWarning(t *testing.T) {
	for base, warned := range map[string]bool{
		"http://127.0.0.1:8080": false, "http://127.9.9.9": false, "http://[::1]:8080": false, "http://localhost": false, "https://127.example.com": false,
		"http://127.example.com": true, "http://10.0.0.1": true, "http://localhost.example.com": true,
	} {
		var f Feeds
		require.NoError(t, f.UnmarshalText([]byte("wazirx="+base)))
		require.Equal(t, warned, len(f.unprotected()) == 1, base)
	}
}
