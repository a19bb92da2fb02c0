package engine_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/engine"
	"github.com/tillseal/tillseal/infra/tools/internal/verify"
)

// issuer is who gave a promise.
func issuer(t *testing.T, body string) string {
	t.Helper()
	var sold struct{ Promise string }
	require.NoError(t, json.Unmarshal([]byte(body), &sold))
	_, rest, _ := strings.Cut(sold.Promise, ".")
	payload, _, _ := strings.Cut(rest, ".")
	said, err := base64.RawURLEncoding.DecodeString(payload)
	require.NoError(t, err)
	var p struct{ Iss string }
	require.NoError(t, json.Unmarshal(said, &p))
	return p.Iss
}

func TestAKeyFileThatIsNoneIsNamed(t *testing.T) {
	cfg := directory(t)
	path := filepath.Join(cfg.Dir, "promise.pem")
	require.NoError(t, os.WriteFile(path, []byte("tea"), 0o600))
	_, err := engine.Start(t.Context(), cfg)
	require.ErrorContains(t, err, "PROMISE_KEY_FILE="+path)
}

// requireKept checks with verify that the shop kept its promise of the first sale, whichever page shows it, and that the others are in its chain.
func (s *shop) requireKept(sold []answer, proof []byte) {
	s.t.Helper()
	require.Equal(s.t, s.e.GatewayURL, issuer(s.t, sold[0].body), "whose keys are asked there")
	dir := s.t.TempDir()
	keep := func(name string, raw []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(s.t, os.WriteFile(path, raw, 0o600))
		return path
	}
	run := func(args ...string) string {
		var out bytes.Buffer
		require.Zero(s.t, verify.Main(s.t.Context(), append(args, "-jwks", s.e.GatewayURL+"/.well-known/jwks.json"), nil, nil, &out, &out), out.String())
		return out.String()
	}
	proved := keep("proof.json", proof)
	status, body, err := s.e.Do(s.t.Context(), s.till.Key, http.MethodGet, "/sales/"+sold[0].saleID, "", "")
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, status, "%s", body)
	got := keep("got.json", body)
	for _, from := range []string{keep("201.json", []byte(sold[0].body)), got, proved} {
		require.Contains(s.t, run("promise", from, "-proof", proved, "-rpc", s.e.ChainURL), "\nkept: in block ")
	}
	require.NotContains(s.t, run("-rpc", s.e.ChainURL, proved), "not checked")
	files := []string{"chain", proved, got}
	for i, a := range sold[1:] {
		files = append(files, keep(fmt.Sprintf("%d.json", i), []byte(a.body)))
	}
	require.Contains(s.t, run(files...), fmt.Sprintf("records 1 to %d, 0 gaps\n", len(sold)))
}
