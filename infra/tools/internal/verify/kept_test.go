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

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

// answerOf is the 201 of a sale, as far as it is read.
func answerOf(t *testing.T, f sale.Sale, jws string) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"sale_id": f.SaleID, "kind": f.Kind, "store_id": f.StoreID, "terminal_id": f.TerminalID, "record_number": f.RecordNumber,
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

// program runs verify and returns its exit code and what it said.
func program(t *testing.T, in []byte, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	code = verify.Main(t.Context(), args, nil, bytes.NewReader(in), &out, &out)
	return code, out.String()
}

func TestAPromiseIsKeptBrokenOrNotDueYet(t *testing.T) {
	s := setup(t)
	today, jws := s.promised(time.Now())
	proof := s.prove(today, record, s.sold().AmountWei, 6)
	longAgo, oldJWS := s.promised(time.Now().Add(-5 * 24 * time.Hour))
	late := s.prove(longAgo, record, proof.AmountWei, 6)
	forged := longAgo
	forged.PointsBalance++
	other := s.prove(forged, record, proof.AmountWei, 6)
	next := today
	next.SaleID, next.RecordNumber = "019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a12", 1043
	stranger, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	keys, rpc := file(t, keysOf(stranger, s.key)), s.chain.URL()
	answer, old := answerOf(t, today, jws), answerOf(t, longAgo, oldJWS)
	elsewhere := promised(today, s.chain.ChainID().String(), testkit.DevAddress.Hex())
	for name, c := range map[string]struct {
		in   []byte
		args []string
		code int
		want string
	}{
		"kept":                        {answer, []string{"-proof", file(t, encode(t, proof))}, 0, "\nkept: in block "},
		"kept, by the shop's URL":     {answer, []string{"-proof", serve(t, 200, string(encode(t, proof)))}, 0, "\nkept: in block "},
		"kept, by a proof alone":      {encode(t, proof), nil, 0, "\nkept: in block "},
		"kept, of a bare promise":     {[]byte(jws + "\n"), []string{"-proof", file(t, encode(t, proof))}, 0, "\nkept: in block "},
		"too late":                    {old, []string{"-proof", file(t, encode(t, late))}, 1, "\nbroken: the block "},
		"too late, by a proof alone":  {encode(t, late), nil, 1, "\nbroken: the block "},
		"no proof, and there is time": {answer, nil, 0, "\nnot due yet: due at "},
		"no proof, and it is over":    {old, nil, 1, "\nbroken: it was due at "},
		"the shop has no such sale": {
			old, []string{"-proof", serve(t, 404, `{"code":"NOT_FOUND"}`)}, 1, "and there is no proof: the shop answered 404 NOT_FOUND",
		},
		"the shop has no proof yet": {answer, []string{"-proof", serve(t, 409, `{"code":"NOT_ANCHORED_YET"}`)}, 0, "\nnot due yet: "},
		"the shop is away":          {old, []string{"-proof", serve(t, 503, `{}`)}, 2, "HTTP status 503"},
		"another hash under the number": {
			old, []string{"-proof", file(t, encode(t, other))}, 1, "two hashes under one terminal and record_number, which convicts the shop",
		},
		"a proof of another record": {
			old, []string{"-proof", file(t, encode(t, s.prove(next, record, proof.AmountWei, 1)))}, 1, "the proof is of another record",
		},
		"a proof that is not valid": {
			old, []string{"-proof", file(t, change(t, late, "leaf", common.Hash{1}.Hex()))}, 1, "the proof is invalid: leaf",
		},
		"what is no proof": {old, []string{"-proof", file(t, []byte(`{}`))}, 1, "what was produced is no proof"},
		"another contract was promised": {
			answerOf(t, today, s.key.SignSale(elsewhere)), []string{"-proof", file(t, encode(t, proof))}, 0, "\nnot due yet: ",
		},
		"somebody else's signature": {
			answerOf(t, today, forge(t, stranger, jws)), []string{"-proof", file(t, encode(t, proof))}, 1, "invalid: the promise's signature does not match",
		},
		"an answer that was altered": {
			change(t, json.RawMessage(answer), "record_number", 7), nil, 1, "invalid: - and its own promise contradict each other: it signs record_number 1042",
		},
		"no promise": {answerOf(t, today, ""), nil, 1, "holds no promise"},
		"rubbish":    {[]byte(`hello`), nil, 1, "invalid: "},
		"two records": {
			[]byte(`[{"status":201,"body":` + string(answer) + `},{"status":201,"body":` + string(old) + `}]`), nil, 2, "give one",
		},
		"nothing":       {nil, nil, 2, "- is empty"},
		"no such proof": {answer, []string{"-proof", "/nowhere"}, 2, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			code, said := program(t, c.in, append(append([]string{"promise", "-jwks", keys, "-rpc", rpc}, c.args...), "-")...)
			require.Equal(t, c.code, code, said)
			require.Contains(t, said, c.want)
		})
	}
	code, said := program(t, answer, "promise", "-jwks", keys, "-proof", file(t, encode(t, proof)), "-")
	require.Equal(t, 2, code)
	require.Contains(t, said, "-rpc")
	code, said = program(t, answer, "promise", "-jwks", file(t, keysOf(stranger)), "-")
	require.Equal(t, 1, code, said)
	code, said = program(t, answer, "promise")
	require.Equal(t, 2, code, said)
}

// forge is a promise whose signature is another key's.
func forge(t *testing.T, key *promise.Key, jws string) string {
	t.Helper()
	said, err := promise.Inspect(jws)
	require.NoError(t, err)
	other := key.SignSale(said)
	return jws[:strings.LastIndexByte(jws, '.')] + other[strings.LastIndexByte(other, '.'):]
}

func TestTheKeysAreThoseOfTheIssuer(t *testing.T) {
	s := setup(t)
	facts, _ := s.promised(time.Now())
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		_, _ = w.Write(keysOf(s.key))
	}))
	t.Cleanup(server.Close)
	said := promised(facts, "", "")
	said.Issuer = server.URL + "/shop"
	code, out := program(t, answerOf(t, facts, s.key.SignSale(said)), "promise", "-")
	require.Zero(t, code, out)
	require.Equal(t, "/shop/.well-known/jwks.json", asked)
	said.Issuer = "the-shop"
	code, out = program(t, answerOf(t, facts, s.key.SignSale(said)), "promise", "-")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "-jwks")
	code, out = program(t, answerOf(t, facts, s.key.SignSale(said)), "promise", "-jwks", serve(t, 500, "")+"/sesame", "-")
	require.Equal(t, 2, code, out)
	require.NotContains(t, out, "sesame", "a URL may hold a key")
}

func TestAProofsPromiseIsOfItsRecord(t *testing.T) {
	s := setup(t)
	p := s.sold()
	keys := file(t, keysOf(s.key))
	of := func(change func(*promise.Sale)) event.Proof {
		said := promised(p.Sale, p.Chain.ChainID, p.Chain.Contract)
		change(&said)
		other := p
		other.Promise = s.key.SignSale(said)
		return other
	}
	for name, c := range map[string]struct {
		proof event.Proof
		want  string
	}{
		"a store":    {of(func(x *promise.Sale) { x.StoreID = "s2" }), "it names store s2"},
		"a terminal": {of(func(x *promise.Sale) { x.TerminalID = "t1~2" }), "it names terminal t1~2"},
		"a number":   {of(func(x *promise.Sale) { x.RecordNumber++ }), "it signs record_number 1043"},
		"a hash":     {of(func(x *promise.Sale) { x.SaleHash[0]++ }), "it signs sale_hash 0x"},
		"a sale":     {of(func(x *promise.Sale) { x.SaleID = "x" }), "it is of sale x"},
		"a time":     {of(func(x *promise.Sale) { x.IssuedAt-- }), "it was made at 2026-11-22T04:45:30Z"},
		"a chain":    {of(func(x *promise.Sale) { x.ChainID = "1" }), "of chain 1"},
		"a contract": {of(func(x *promise.Sale) { x.Contract = testkit.DevAddress.Hex() }), "it names contract"},
	} {
		verdict, lines, err := s.run(encode(t, c.proof), s.chain.URL(), verify.Options{})
		require.NoError(t, err, name)
		require.Equal(t, "invalid: promise", verdict.String(), name)
		require.Contains(t, lines["promise"], c.want)
	}
	code, out := program(t, encode(t, p), "-rpc", s.chain.URL(), "-jwks", keys)
	require.Zero(t, code, out)
	require.NotContains(t, out, "not checked")
	code, out = program(t, encode(t, p), "-rpc", s.chain.URL())
	require.Zero(t, code, out)
	require.Contains(t, out, "its signature was not checked, for want of -jwks")
	stranger, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	forged := p
	forged.Promise = forge(t, stranger, p.Promise)
	code, out = program(t, encode(t, forged), "-rpc", s.chain.URL(), "-jwks", keys)
	require.Equal(t, 1, code, out)
	older := p
	older.Promise = ""
	code, out = program(t, encode(t, older), "-rpc", s.chain.URL(), "-jwks", keys)
	require.Zero(t, code, out)
	require.Contains(t, out, "older than promises")
}
