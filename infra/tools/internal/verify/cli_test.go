package verify_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestTheProgramAnswersByItsExitCode(t *testing.T) {
	s := setup(t)
	p := s.sold()
	file := filepath.Join(t.TempDir(), "proof.json")
	require.NoError(t, os.WriteFile(file, encode(t, p), 0o600))
	sesame := closedURL(t) + "/sesame"
	for _, c := range []struct {
		name string
		args []string
		env  []string
		in   []byte
		code int
		want string
	}{
		{name: "a file", args: []string{"-rpc", s.chain.URL(), file}, code: 0, want: "\nvalid\n"},
		{name: "standard input", args: []string{"-rpc", s.chain.URL(), "-"}, in: encode(t, p), code: 0, want: "\nvalid\n"},
		{
			name: "the provider of the environment", env: []string{"WEB3_PROVIDER=" + s.chain.URL(), "PUBLIC_RPC_URL=" + sesame}, in: encode(t, p), code: 0,
			want: "\nvalid\n",
		},
		{name: "the public URL", env: []string{"PUBLIC_RPC_URL=" + s.chain.URL()}, in: encode(t, p), code: 0, want: "\nvalid\n"},
		{name: "the published contract", args: []string{"-rpc", s.chain.URL(), "-contract", s.contract.Hex(), file}, code: 0, want: "\nvalid\n"},
		{name: "another contract", args: []string{"-rpc", s.chain.URL(), "-contract", testkit.DevAddress.Hex(), file}, code: 1, want: "\ninvalid: contract\n"},
		{name: "another price", args: []string{"-rpc", s.chain.URL()}, in: change(t, p, "amount_wei", "1"), code: 1, want: "\ninvalid: amount\n"},
		{name: "no proof at all", args: []string{"-rpc", s.chain.URL()}, in: []byte("{}"), code: 1, want: "\ninvalid: shape\n"},
		{name: "a node that does not answer", args: []string{"-rpc", sesame}, in: encode(t, p), code: 2, want: "connection refused"},
		{name: "no node", in: encode(t, p), code: 2, want: "WEB3_PROVIDER"},
		{name: "a URL of another kind", args: []string{"-rpc", "ipc:/sesame"}, code: 2, want: "http"},
		{name: "a URL that is none", args: []string{"-rpc", "http://sesame\n:x"}, code: 2, want: "http"},
		{name: "no such file", args: []string{"-rpc", s.chain.URL(), file + ".not"}, code: 2, want: "no such file"},
		{name: "an unknown flag", args: []string{"-sesame"}, code: 2, want: "--help"},
		{name: "two proofs", args: []string{"-rpc", s.chain.URL(), file, file}, code: 2, want: "--help"},
		{name: "no address", args: []string{"-rpc", s.chain.URL(), "-contract", "0x12", file}, code: 2, want: "-contract"},
		{name: "a gateway's URL that is none", args: []string{"-rpc", s.chain.URL(), "-log", "sesame.example", file}, code: 2, want: "the gateway's URL is not http"},
		{
			name: "a gateway that is not needed", args: []string{"-rpc", s.chain.URL(), "-log", sesame, file}, code: 0,
			want: "the proof's own path, in a log of size 1\n",
		},
		{name: "help", args: []string{"--help"}, code: 0, want: "judged by its event in its transaction's receipt alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			require.Equal(t, c.code, verify.Main(t.Context(), c.args, c.env, bytes.NewReader(c.in), &out, &out), out.String())
			require.Contains(t, out.String(), c.want)
			require.NotContains(t, out.String(), "sesame", "a URL may hold a key")
		})
	}
}

func TestTheProgramAsksTheGatewayItIsGiven(t *testing.T) {
	s := setup(t)
	p := s.sold()
	s.follow(1)
	server := httptest.NewServer(s.tells(func(*event.LogAnswer) {}))
	t.Cleanup(server.Close)
	var out bytes.Buffer
	args := []string{"-rpc", s.chain.URL(), "-log", server.URL + "/shop?key=sesame"}
	require.Zero(t, verify.Main(t.Context(), args, nil, bytes.NewReader(encode(t, p)), &out, &out), out.String())
	require.Contains(t, out.String(), ": the gateway's path, in a log of size 2\n")
	require.NotContains(t, out.String(), "sesame")
}

// closedURL is one that nobody answers.
func closedURL(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("http://127.0.0.1:%d", testkit.FreePort(t))
}
