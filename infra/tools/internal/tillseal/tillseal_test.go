package tillseal_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/tillseal"
)

func TestTheCommandsAreListedAndEachExplainsItself(t *testing.T) {
	for _, c := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"--help"}, 0, "tillseal export ", ""},
		{[]string{"help"}, 0, "tillseal <command> --help explains", ""},
		{nil, 2, "", "tillseal export "},
		{[]string{"exprot"}, 2, "", `tillseal: there is no command "exprot"; see --help`},
		{[]string{"export", "--help"}, 0, "tillseal export -closing t1/7 -out t1-7.csv", ""},
		{[]string{"export", "-closing", "t1"}, 2, "", "tillseal export: -closing must be"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.code, tillseal.Main(t.Context(), c.args, nil, &stdout, &stderr), c.args)
		require.Contains(t, stdout.String(), c.stdout)
		require.Contains(t, stderr.String(), c.stderr)
		require.Equal(t, c.stdout == "", stdout.Len() == 0)
		require.Equal(t, c.stderr == "", stderr.Len() == 0)
	}
}
