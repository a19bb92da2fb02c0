package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/go-jose/go-jose/v4"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// claims are what a promise says.
type claims struct {
	Issuer       string `json:"iss"`
	SaleID       string `json:"sub"`
	SaleHash     string `json:"sale_hash"`
	StoreID      string `json:"store_id"`
	TerminalID   string `json:"terminal_id"`
	RecordNumber uint64 `json:"record_number"`
	IssuedAt     int64  `json:"iat"`
	AnchorBy     int64  `json:"anchor_by"`
	ChainID      string `json:"chain_id"`
	Contract     string `json:"contract"`
}

// keys are those that the gateway serves to anybody.
func (s *shop) served(g *gate) jose.JSONWebKeySet {
	s.t.Helper()
	r := (&till{t: s.t, url: g.url}).do(http.MethodGet, "/.well-known/jwks.json", "")
	require.Equal(s.t, http.StatusOK, r.Status, "%s", r.Body)
	require.Equal(s.t, "application/jwk-set+json", r.Header.Get("Content-Type"))
	require.Equal(s.t, "public, max-age=60", r.Header.Get("Cache-Control"))
	return read[jose.JSONWebKeySet](s.t, r)
}

// opened are a promise's claims, as a public library reads them with the keys that are served.
func opened(t *testing.T, promise string, keys jose.JSONWebKeySet) claims {
	t.Helper()
	signed, err := jose.ParseSignedCompact(promise, []jose.SignatureAlgorithm{jose.EdDSA})
	require.NoError(t, err)
	header := signed.Signatures[0].Protected
	require.Equal(t, "tillseal-sale+jwt", header.ExtraHeaders[jose.HeaderType])
	found := keys.Key(header.KeyID)
	require.Len(t, found, 1, "the key is served")
	payload, err := signed.Verify(found[0])
	require.NoError(t, err)
	var c claims
	require.NoError(t, json.Unmarshal(payload, &c))
	return c
}

func TestEach201CarriesTheShopsPromise(t *testing.T) {
	shop := setup(t, func(c *gateway.Config) {
		c.PromiseWithin, c.PublicContract = 90*time.Minute, "eip155:1337:0x5FbDB2315678afecb367f032d93F642f64180aa3"
	})
	_, sold := shop.till.sell(newKey(), tea)
	_, batch := shop.till.batch(entry(newKey(), tea))
	inBatch := read[answer](t, reply{Body: batch[0].Body})
	_, refund := shop.till.sell(newKey(), fmt.Sprintf(`{"kind":"refund","refund_of":"%s","currency":"INR","total":"1"}`, sold.SaleID))
	keys := shop.served(shop.gates[0])
	require.Len(t, keys.Keys, 1)
	for i, a := range []answer{sold, inBatch, refund} {
		at, err := time.Parse(time.RFC3339Nano, a.RecordedAt)
		require.NoError(t, err)
		require.Equal(t, claims{
			Issuer: "https://shop.example", SaleID: a.SaleID, SaleHash: a.Anchor.SaleHash, StoreID: "s1", TerminalID: "t1", RecordNumber: uint64(i + 1),
			IssuedAt: at.Unix(), AnchorBy: at.Unix() + 90*60, ChainID: "1337", Contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
		}, opened(t, a.Promise, keys))
	}
	shown := read[answer](t, shop.till.do(http.MethodGet, "/sales/"+sold.SaleID, ""))
	require.Equal(t, []any{sold.Promise, sold.RecordNumber, sold.PreviousHash}, []any{shown.Promise, shown.RecordNumber, shown.PreviousHash})
}

func TestAKeyIsRecordedBeforeItSignsAndServedForEver(t *testing.T) {
	shop := setup(t)
	_, first := shop.till.sell(newKey(), tea)
	shop.addGateway() // with the same key
	other := shop.addGateway(func(c *gateway.Config) { c.PromiseKeyFile, c.PublicContract = newKeyFile(t), "" })
	_, second := shop.till.at(other).sell(newKey(), tea)
	require.NoError(t, shop.gates[0].stop())

	keys := shop.served(other)
	require.Len(t, keys.Keys, 2, "each once")
	require.Equal(t, first.SaleID, opened(t, first.Promise, keys).SaleID, "one of before stays valid")
	require.Empty(t, opened(t, second.Promise, keys).Contract)

	// The key is a record like any other: chained at a terminal that nobody has a key of, promised and published.
	var previous string
	for i, key := range keys.Keys {
		kept := query[[]byte](shop, "SELECT answer FROM audit.sale WHERE terminal_id = 'operator' AND record_number = $1", i+1)
		a := read[answer](t, reply{Body: kept})
		c := opened(t, a.Promise, keys)
		require.Equal(t, []any{"key", sale.Operator, "XXX", "0", uint64(i + 1)}, []any{a.Kind, a.StoreID, a.Currency, a.Total, a.RecordNumber})
		require.Equal(t, a.Anchor.SaleHash, c.SaleHash)
		if i > 0 {
			require.Equal(t, previous, a.PreviousHash)
		}
		previous = a.Anchor.SaleHash
		require.Equal(t, key.KeyID, query[string](shop, "SELECT kid FROM audit.promise_key WHERE sale_id = $1", a.SaleID))
		request := query[[]byte](shop, "SELECT request FROM audit.sale WHERE sale_id = $1", a.SaleID)
		var recorded jose.JSONWebKey
		require.NoError(t, json.Unmarshal(request, &recorded))
		require.Equal(t, key.Key, recorded.Key)
	}
	shop.checkBooks()
	var msg *jetstream.RawStreamMsg
	eventually(t, "the key's record is published", func() error {
		s, err := shop.bus.JS.Stream(t.Context(), stream.SalesRecorded)
		if err == nil {
			msg, err = s.GetLastMsgForSubject(t.Context(), event.SubjectRecorded+"."+sale.Operator)
		}
		return err
	})
	e, err := event.Decode[event.SaleRecorded](msg.Data)
	require.NoError(t, err)
	require.Equal(t, []any{"key", "operator", "XXX", "0"}, []any{e.Kind, e.TerminalID, e.Currency, e.Total})
}

// TestTheKeysAreServedWhilePostgresIsAway has a verifier ask while nothing can be recorded.
func TestTheKeysAreServedWhilePostgresIsAway(t *testing.T) {
	postgres := testkit.OwnPostgres(t)
	shop := open(t, testkit.Migrated(t, postgres))
	_, sold := shop.till.sell(newKey(), tea)
	before := shop.served(shop.gates[0])
	require.NoError(t, postgres.Kill())
	require.Equal(t, sold.SaleID, opened(t, sold.Promise, before).SaleID)
	require.Equal(t, before, shop.served(shop.gates[0]))
}

func TestAfterARestoreEveryTerminalGoesOnInANewSeries(t *testing.T) {
	shop := setup(t)
	ask := func(request string) (map[string]any, error) {
		return stream.Ask[map[string]any](t.Context(), shop.bus, "ops.gateway.series.next", json.RawMessage(request))
	}
	for request, wrong := range map[string]string{
		`{}`: "is missing", `{"by":"asha"}`: "reason is missing", `{"by":" ","reason":"x"}`: "by is missing", `{"by":"asha","reason":"a\u0007"}`: "control",
		`{"by":"asha","reason":"x","series":1}`: "series", `{"by":"asha","reason":"x","series":-2}`: "series",
	} {
		_, err := ask(request)
		require.ErrorContains(t, err, wrong, request)
	}
	_, before := shop.till.sell(newKey(), tea)
	got, err := ask(`{"by":"asha","reason":"restored the backup of 22 November"}`)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"series": 2.0, "terminals": 2.0}, got)

	key := newKey()
	_, first := shop.till.sell(key, tea)
	require.Equal(t, []any{"t1~2", uint64(1), noHash}, []any{first.TerminalID, first.RecordNumber, first.PreviousHash})
	require.Equal(t, first.TerminalID, opened(t, first.Promise, shop.served(shop.gates[0])).TerminalID)
	shop.till.sell(newKey(), fmt.Sprintf(`{"kind":"refund","refund_of":"%s","currency":"INR","total":"1"}`, before.SaleID)) // in the new series
	replay, _ := shop.till.sell(key, tea)
	require.Equal(t, "true", replay.Header.Get("Idempotency-Replayed"), "keys are the terminal's, whatever the series")
	_, fresh := shop.newTill("s1", "t9").sell(newKey(), tea)
	require.Equal(t, "t9~2", fresh.TerminalID, "a terminal of that name may have been lost")

	_, err = ask(`{"by":"asha","reason":"x","series":2}`)
	require.ErrorContains(t, err, "higher")
	got, err = ask(`{"by":"asha","reason":"an older backup","series":7}`)
	require.NoError(t, err)
	require.InDelta(t, 7, got["series"], 0)
	_, later := shop.till.sell(newKey(), tea)
	require.Equal(t, []any{"t1~7", uint64(1)}, []any{later.TerminalID, later.RecordNumber})
	shop.checkBooks()
	require.Equal(t, "t1:1 t1~2:2 t1~7:1", query[string](shop, `SELECT string_agg(terminal_id || ':' || records, ' ' ORDER BY terminal_id)
		FROM audit.terminal WHERE terminal_id LIKE 't1%'`))
}

func TestNobodyGetsAKeyOfTheReservedTerminal(t *testing.T) {
	shop := setup(t)
	for subject, request := range map[string]string{
		"ops.gateway.terminals.add": `{"store_id":"s1","terminal_id":"operator"}`, "ops.gateway.terminals.rotate": `{"terminal_id":"operator"}`,
		"ops.gateway.terminals.suspend": `{"terminal_id":"operator"}`, "ops.gateway.terminals.revoke": `{"terminal_id":"operator","all_keys":true}`,
	} {
		_, err := stream.Ask[map[string]any](t.Context(), shop.bus, subject, json.RawMessage(request))
		require.Error(t, err, subject)
	}
	_, err := stream.Ask[map[string]any](t.Context(), shop.bus, "ops.gateway.terminals.add", json.RawMessage(`{"store_id":"operator","terminal_id":"t5"}`))
	require.ErrorContains(t, err, "reserved")
	list, err := stream.Ask[json.RawMessage](t.Context(), shop.bus, "ops.gateway.terminals.list", json.RawMessage(`{}`))
	require.NoError(t, err)
	require.NotContains(t, string(list), sale.Operator)
	refuses(t, shop.till.post(newKey(), `{"currency":"XXX","total":"1"}`), 422, refusal.InvalidRecord)
	refuses(t, shop.till.post(newKey(), `{"kind":"key","currency":"INR","total":"1"}`), 422, refusal.InvalidRecord)
}

// TestNoSaleIsRecordedBeforeItsKeyIs takes the right to record keys away, and gives it back.
func TestNoSaleIsRecordedBeforeItsKeyIs(t *testing.T) {
	shop := setup(t)
	shop.exec("REVOKE INSERT ON sales.promise_key FROM gateway")
	other := shop.addGateway(func(c *gateway.Config) { c.PromiseKeyFile = newKeyFile(t) })
	early := shop.till.at(other).post(newKey(), tea)
	refuses(t, early, 503, refusal.StoreUnavailable)
	require.Contains(t, string(early.Body), "its key for promises")
	refuses(t, shop.till.at(other).do("GET", "/readyz", ""), 503, refusal.StoreUnavailable)
	shop.exec("GRANT INSERT ON sales.promise_key TO gateway")
	eventually(t, "the key is recorded", func() error {
		if r := shop.till.at(other).post(newKey(), tea); r.Status != http.StatusCreated {
			return fmt.Errorf("%d", r.Status)
		}
		return nil
	})
	require.Equal(t, 200, shop.till.at(other).do("GET", "/readyz", "").Status)
	require.Len(t, shop.served(other).Keys, 2)
	require.NoError(t, os.Remove(shop.keyFile))
	require.ErrorContains(t, shop.runAlone(), "PROMISE_KEY_FILE")
	require.NotEqual(t, common.Hash{}, common.HexToHash(query[string](shop, "SELECT head_hash FROM audit.terminal WHERE terminal_id = 'operator'")))
}
