package verify_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestWhatTheShopAnswersInAProofsPlaceCountsAsNone(t *testing.T) {
	s := setup(t)
	facts, jws := s.promised(time.Now())
	longAgo, oldJWS := s.promised(time.Now().Add(-5 * 24 * time.Hour))
	answer, old := answerOf(t, facts, jws), answerOf(t, longAgo, oldJWS)
	from := func(status int, body string) []string {
		return []string{"-proof", serve(t, status, body) + "/proof?key=sesame"}
	}
	s.requirePromises(map[string]promiseCase{
		"no such sale":             {old, from(404, `{"code":"NOT_FOUND"}`), 1, "no proof was produced: the shop answered 404 NOT_FOUND\n"},
		"a sale that was altered":  {old, from(409, `{"code":"RECORD_ALTERED"}`), 1, "the shop answered 409 RECORD_ALTERED\n"},
		"a sale that was erased":   {old, from(410, `{"code":"ERASED"}`), 1, "the shop answered 410 ERASED\n"},
		"an answer without a code": {old, from(404, `<html>sesame`), 1, "the shop answered 404 without a code\n"},
		"a code of another kind":   {old, from(404, `{"code":"\u001b[31msesame"}`), 1, "the shop answered 404 without a code\n"},
		"not anchored, in time":    {answer, from(409, `{"code":"NOT_ANCHORED_YET"}`), 0, "\nnot due yet: "},
		"not anchored, too late":   {old, from(409, `{"code":"NOT_ANCHORED_YET"}`), 1, "\nbroken: "},
		"a page":                   {old, from(200, `<html>`), 1, "what was produced is no proof"},
		"the shop is away":         {old, from(503, `{"code":"LEDGER_UNAVAILABLE"}`), 2, "HTTP status 503"},
		"the shop is busy":         {old, from(429, `{"code":"RATE_LIMITED"}`), 2, "HTTP status 429"},
		"it asks for a key":        {old, from(401, `{"code":"UNAUTHENTICATED"}`), 2, "HTTP status 401"},
		"it refuses the key":       {old, from(403, `{"code":"FORBIDDEN"}`), 2, "HTTP status 403"},
		"it sends elsewhere":       {old, from(307, ``), 2, "HTTP status 307"},
		"too long an answer":       {old, from(200, strings.Repeat(" ", 1<<20+1)), 2, "longer than 1048576 bytes"},
		"nobody is there":          {old, []string{"-proof", closedURL(t) + "/sesame"}, 2, "connection refused"},
		"another scheme":           {old, []string{"-proof", "ftp://sesame.example/"}, 2, "its URL is not http or https"},
		"another case":             {old, []string{"-proof", strings.Replace(closedURL(t), "http", "HTTP", 1) + "/sesame"}, 2, "connection refused"},
	}, "-jwks", file(t, keysOf(s.key)), "-rpc", s.chain.URL())
}

func TestAPromiseThatIsNotTheShopsIsInvalid(t *testing.T) {
	s := setup(t)
	facts, jws := s.promised(time.Now())
	answer := answerOf(t, facts, jws)
	stranger := newKey(t)
	s.requirePromises(map[string]promiseCase{
		"the shop's": {answer, nil, 0, "\nnot due yet: "},
		"somebody else's signature": {
			answerOf(t, facts, forge(t, stranger, jws)), nil, 1, "invalid: the promise's signature does not match",
		},
		"somebody else's key": {answer, []string{"-jwks", file(t, keysOf(stranger))}, 1, "invalid: the promise names a key that is not in the key set"},
		"another number":      {change(t, json.RawMessage(answer), "record_number", 7), nil, 1, "contradict each other: it signs record_number 1042"},
		"another sale":        {change(t, json.RawMessage(answer), "sale_id", "x"), nil, 1, "contradict each other: it is of sale "},
		"another hash": {
			change(t, json.RawMessage(answer), "anchor.sale_hash", common.Hash{1}.Hex()), nil, 1, "contradict each other: it signs sale_hash ",
		},
		"another terminal":        {change(t, json.RawMessage(answer), "terminal_id", "t1~2"), nil, 1, "contradict each other: it names terminal t1"},
		"another store":           {change(t, json.RawMessage(answer), "store_id", "s2"), nil, 1, "contradict each other: it names store s1"},
		"another second":          {change(t, json.RawMessage(answer), "recorded_at", "2026-11-22T04:45:31Z"), nil, 1, "the record at 2026-11-22T04:45:31Z"},
		"a proof's other promise": {change(t, s.sold(), "promise", jws), nil, 1, "contradict each other"},
		"no promise":              {answerOf(t, facts, ""), nil, 1, "holds no promise"},
		"rubbish":                 {[]byte(`hello`), nil, 1, "invalid: "},
		"two records": {
			[]byte(`[{"status":201,"body":` + string(answer) + `},{"status":201,"body":` + string(answer) + `}]`), nil, 2, "give one",
		},
		"an answer of no time":     {change(t, json.RawMessage(answer), "recorded_at", "yesterday"), nil, 2, "recorded_at"},
		"an answer of no number":   {change(t, json.RawMessage(answer), "record_number", "1042"), nil, 2, "record_number is malformed"},
		"an answer of no promise":  {change(t, json.RawMessage(answer), "promise", 7), nil, 2, "promise is malformed"},
		"an answer without a hash": {replace(answer, `"previous_hash"`, `"Previous_Hash"`), nil, 2, "previous_hash is missing"},
		"keys that are none":       {answer, []string{"-jwks", file(t, []byte("{}"))}, 2, "read the shop's keys"},
		"nothing":                  {nil, nil, 2, "- is empty"},
	}, "-jwks", file(t, keysOf(stranger, s.key)))
	code, said := program(t, answer, "promise")
	require.Equal(t, 2, code, said)
	code, said = program(t, nil, "promise", "--help")
	require.Zero(t, code)
	require.Contains(t, said, "not due yet: …")
}

// Anybody can write a proof of another hash: only the shop's word, or its contract, convicts it.
func TestAnotherHashUnderTheNumberConvictsTheShopOnlyByItsOwnWord(t *testing.T) {
	s := setup(t)
	longAgo, jws := s.promised(time.Now().Add(-5 * 24 * time.Hour))
	old := answerOf(t, longAgo, jws)
	unnamed := answerOf(t, longAgo, s.key.SignSale(promised(longAgo, "", "")))
	other := longAgo
	other.PointsBalance++
	wei := s.sold().AmountWei
	anchored := s.prove(other, record, wei, 6)
	silent := anchored
	silent.Promise = ""
	signed := anchored
	signed.Batch.ID = "999" // its chain is of no matter
	forged, strangers := silent, anchored
	forged.Leaf = common.Hash{1}
	strangers.Promise = forge(t, newKey(t), anchored.Promise)
	replayed := silent
	replayed.Promise = jws // the promise itself
	contract := s.contract
	s.deploy()
	elsewhere := s.prove(other, record, wei, 2)
	elsewhere.Promise = ""
	const convicts = "\nbroken: two hashes under one terminal and record_number, which convicts the shop: "
	s.requirePromises(map[string]promiseCase{
		"anchored":                       {old, []string{"-proof", file(t, encode(t, silent))}, 1, convicts},
		"anchored where it published":    {unnamed, []string{"-contract", contract.Hex(), "-proof", file(t, encode(t, silent))}, 1, convicts},
		"promised":                       {old, []string{"-proof", file(t, encode(t, signed))}, 1, convicts},
		"neither":                        {old, []string{"-proof", file(t, encode(t, forged))}, 1, "under the same terminal and record_number, and invalid: leaf\n"},
		"with somebody else's signature": {old, []string{"-proof", file(t, encode(t, strangers))}, 1, "and invalid: promise\n"},
		"with the promise of the first":  {old, []string{"-proof", file(t, encode(t, replayed))}, 1, "and invalid: promise\n"},
		"anchored anywhere":              {old, []string{"-proof", file(t, encode(t, elsewhere))}, 1, "which may be anybody's\n"},
		"anchored, and none is named":    {unnamed, []string{"-proof", file(t, encode(t, silent))}, 1, "which may be anybody's\n"},
	}, "-rpc", s.chain.URL(), "-jwks", file(t, keysOf(s.key)))
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
	forged := p
	forged.Promise = forge(t, newKey(t), p.Promise)
	code, out = program(t, encode(t, forged), "-rpc", s.chain.URL(), "-jwks", keys)
	require.Equal(t, 1, code, out)
	older := p
	older.Promise = ""
	code, out = program(t, encode(t, older), "-rpc", s.chain.URL(), "-jwks", keys)
	require.Zero(t, code, out)
	require.Contains(t, out, "older than promises")
}
