package verify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
)

// answerOf is the 201 of a sale, as far as it is read.
func answerOf(t *testing.T, f sale.Sale, jws string) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"sale_id": f.SaleID, "kind": f.Kind, "store_id": f.StoreID, "terminal_id": f.TerminalID,
		"recorded_at": time.UnixMicro(int64(f.RecordedAt)).UTC(), "record_number": f.RecordNumber,
		"previous_hash": f.PreviousHash, "anchor": map[string]any{"status": "pending", "sale_hash": f.Hash()}, "promise": jws, "receipt_url": "/x",
	})
	require.NoError(t, err)
	return raw
}

// promised is tea as of a moment, with what the shop promises of it.
func (s *shop) promised(at time.Time) (facts sale.Sale, jws string) {
	facts = tea()
	facts.RecordedAt = uint64(at.UnixMicro())
	return facts, s.key.SignSale(promised(facts, s.chain.ChainID().String(), s.contract.Hex()))
}

// file keeps bytes in a file.
func file(t *testing.T, raw []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "given.json")
	require.NoError(t, os.WriteFile(path, raw, 0o600))
	return path
}

// serve answers every request alike.
func serve(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func keysOf(keys ...*promise.Key) []byte {
	var set promise.Set
	for _, k := range keys {
		set.Keys = append(set.Keys, k.JWK())
	}
	return set.Bytes()
}

func newKey(t *testing.T) *promise.Key {
	t.Helper()
	key, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	return key
}

// program runs verify and returns its exit code and what it said.
func program(t *testing.T, in []byte, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	code = verify.Main(t.Context(), args, nil, bytes.NewReader(in), &out, &out)
	return code, out.String()
}

// forge is a promise whose signature is another key's.
func forge(t *testing.T, key *promise.Key, jws string) string {
	t.Helper()
	said, err := promise.Inspect(jws)
	require.NoError(t, err)
	other := key.SignSale(said)
	return jws[:strings.LastIndexByte(jws, '.')] + other[strings.LastIndexByte(other, '.'):]
}

// promiseCase is what verify promise is given, and what it says.
type promiseCase struct {
	in   []byte
	args []string
	code int
	want string
}

func (s *shop) requirePromises(cases map[string]promiseCase, more ...string) {
	s.t.Helper()
	for name, c := range cases {
		s.t.Run(name, func(t *testing.T) {
			code, said := program(t, c.in, append(append([]string{"promise"}, more...), append(c.args, "-")...)...)
			require.Equal(t, c.code, code, said)
			require.Contains(t, said, c.want)
			require.NotContains(t, said, "sesame", "a URL may hold a key")
		})
	}
}
