package intact_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func newKey(t *testing.T) *promise.Key {
	t.Helper()
	key, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	return key
}

func keysOf(keys ...*promise.Key) intact.Keys {
	var jwks []string
	for _, k := range keys {
		jwks = append(jwks, string(k.JWK().Bytes()))
	}
	return intact.KeysOf(jwks, -1)
}

const second = 1_000_000

// sold is a sale of a customer who redeemed points beyond the balance, as it is stored.
func sold(key *promise.Key) *intact.Row {
	r := &intact.Row{
		Facts: sale.Sale{
			SaleID: "01935f0e-8a7b-7c3d-9e4f-000000000001", Kind: sale.KindSale, StoreID: "s1", TerminalID: "t1~2", RecordNumber: 7, CustomerID: "C-1001",
			Currency: "INR", Total: "100.00", PointsDelta: -31, PointsBalance: -11, PurchaseNumber: 1, RecordedAt: 1_795_322_731*second + 5,
		},
		Earned: 9, Redeemed: 40, Request: []byte(`{"currency":"INR","total":"100","redeem_points":4e1}`), Salt: common.Hash{3}.Bytes(),
	}
	seal(r, key)
	return r
}

// seal hashes and signs a row as it is now.
func seal(r *intact.Row, key *promise.Key) {
	facts := r.Facts
	facts.RequestHash, facts.Salt = sale.Keccak(r.Request), common.BytesToHash(r.Salt)
	hash := facts.Hash()
	r.SaleHash = hash[:]
	r.Promise = key.SignSale(claims(r, hash))
}

func claims(r *intact.Row, hash common.Hash) promise.Sale {
	at := time.UnixMicro(int64(r.Facts.RecordedAt)).Unix()
	return promise.Sale{
		Issuer: "https://shop.example", SaleID: r.Facts.SaleID, SaleHash: hash, StoreID: r.Facts.StoreID, TerminalID: r.Facts.TerminalID,
		RecordNumber: r.Facts.RecordNumber, IssuedAt: at, AnchorBy: at + 60,
	}
}

func TestARowIsIntactUntilWhatIsStoredOfItChanges(t *testing.T) {
	key, other := newKey(t), newKey(t)
	keys := keysOf(key)
	require.NoError(t, keys.Check(sold(key)))
	for what, spoil := range map[string]struct {
		do    func(*intact.Row)
		wrong error
	}{
		"a fact":                   {func(r *intact.Row) { r.Facts.Total = "1.00" }, intact.ErrHash},
		"the request":              {func(r *intact.Row) { r.Request = []byte("{}") }, intact.ErrHash},
		"the salt":                 {func(r *intact.Row) { r.Salt = r.Salt[1:] }, intact.ErrHash},
		"a fact, hashed anew":      {func(r *intact.Row) { p := r.Promise; r.Facts.Total = "1.00"; seal(r, key); r.Promise = p }, intact.ErrPromise},
		"the same, by another key": {func(r *intact.Row) { r.Facts.Total = "1.00"; seal(r, other) }, promise.ErrUnknownKey},
		"the promise":              {func(r *intact.Row) { r.Promise = "x" }, intact.ErrPromise},
		"the promise, removed":     {func(r *intact.Row) { r.Promise = "" }, intact.ErrUnsigned},
		"a promise of another store": {func(r *intact.Row) {
			c := claims(r, common.BytesToHash(r.SaleHash))
			c.StoreID = "s2"
			r.Promise = key.SignSale(c)
		}, intact.ErrPromise},
		"a promise of another terminal": {func(r *intact.Row) {
			c := claims(r, common.BytesToHash(r.SaleHash))
			c.TerminalID = "t1"
			r.Promise = key.SignSale(c)
		}, intact.ErrPromise},
		"a promise of another number": {func(r *intact.Row) {
			c := claims(r, common.BytesToHash(r.SaleHash))
			c.RecordNumber++
			r.Promise = key.SignSale(c)
		}, intact.ErrPromise},
		"a promise of another moment": {func(r *intact.Row) {
			c := claims(r, common.BytesToHash(r.SaleHash))
			c.IssuedAt++
			r.Promise = key.SignSale(c)
		}, intact.ErrPromise},
		"a promise of another record": {func(r *intact.Row) {
			c := claims(r, common.BytesToHash(r.SaleHash))
			c.SaleID = "x"
			r.Promise = key.SignSale(c)
		}, intact.ErrPromise},
		"what it earned":             {func(r *intact.Row) { r.Earned++ }, intact.ErrPoints},
		"both figures of its points": {func(r *intact.Row) { r.Earned++; r.Redeemed++ }, intact.ErrPoints},
	} {
		r := sold(key)
		spoil.do(r)
		require.ErrorIs(t, keys.Check(r), spoil.wrong, what)
	}
}

func TestOnlyARecordOfBeforeThereWerePromisesNeedsNone(t *testing.T) {
	r := sold(newKey(t))
	r.Promise = ""
	for mark, wrong := range map[int64]error{
		-1: intact.ErrUnsigned, int64(r.Facts.RecordedAt) - 1: intact.ErrUnsigned, int64(r.Facts.RecordedAt): nil,
	} {
		keys := intact.Keys{UnpromisedUS: mark}
		require.ErrorIs(t, keys.Check(r), wrong, "%d", mark)
	}
	r.Facts.RecordedAt = 1 << 63
	seal(r, newKey(t))
	r.Promise = ""
	keys := intact.Keys{UnpromisedUS: int64(r.Facts.RecordedAt>>1) + 1}
	require.ErrorIs(t, keys.Check(r), intact.ErrUnsigned)
}

func TestAnotherKindOfRecordHasThePointsThatFollowFromIt(t *testing.T) {
	key := newKey(t)
	keys := keysOf(key)
	for what, c := range map[string]struct {
		do func(*intact.Row)
		ok bool
	}{
		"an adjustment":              {func(r *intact.Row) { r.Facts.Kind, r.Earned, r.Redeemed = sale.KindAdjustment, -31, 0 }, true},
		"an adjustment that redeems": {func(r *intact.Row) { r.Facts.Kind, r.Earned, r.Redeemed = sale.KindAdjustment, -21, 10 }, false},
		"a return without a receipt": {func(r *intact.Row) { r.Facts.Kind, r.Earned, r.Redeemed = sale.KindRefund, -31, 0 }, true},
		"one that returns points":    {func(r *intact.Row) { r.Facts.Kind, r.Earned, r.Redeemed = sale.KindRefund, -41, -10 }, false},
		"a refund, which may return some": {func(r *intact.Row) {
			r.Facts.Kind, r.Facts.RefundOf, r.Earned, r.Redeemed = sale.KindRefund, "x", -41, -10
		}, true},
	} {
		r := sold(key)
		c.do(r)
		seal(r, key)
		require.Equal(t, c.ok, keys.Check(r) == nil, what)
	}
}

// answer is the 201 of sold.
func answer(r *intact.Row) string {
	return fmt.Sprintf(`{"sale_id":"01935f0e-8a7b-7c3d-9e4f-000000000001","kind":"sale","store_id":"s1","terminal_id":"t1~2",`+
		`"recorded_at":"2026-11-22T04:45:31.000005Z","currency":"INR","total":"100.00","loyalty":{"customer_id":"C-1001","purchase_number":1,`+
		`"first_purchase":true,"points_earned":9,"points_redeemed":40,"points_balance":-11,"shortfall":20},"record_number":7,"previous_hash":"%#x",`+
		`"anchor":{"status":"pending","sale_hash":"%#x","proof_url":"/sales/01935f0e-8a7b-7c3d-9e4f-000000000001/proof"},"promise":%q,`+
		`"receipt_url":"/receipts/01935f0e-8a7b-7c3d-9e4f-000000000001?t=token"}`, r.Facts.PreviousHash, r.SaleHash, r.Promise)
}

func TestAnAnswerSaysWhatItsRowSays(t *testing.T) {
	r := sold(newKey(t))
	sound := answer(r)
	require.NoError(t, r.CheckAnswer([]byte(sound)))
	require.Equal(t, r.Promise, intact.PromiseIn([]byte(sound)))
	require.NoError(t, r.CheckAnswer([]byte(strings.Replace(sound, `"kind"`, `"of_a_later_build":1,"kind"`, 1))))
	for i, pair := range pairs {
		changed := strings.Replace(sound, pair[0], pair[1], 1)
		require.NotEqual(t, sound, changed, "%d", i)
		require.ErrorIs(t, r.CheckAnswer([]byte(changed)), intact.ErrAnswer, "%v", pair)
	}
	r.Facts.CustomerID = ""
	require.ErrorIs(t, r.CheckAnswer([]byte(sound)), intact.ErrAnswer, "a guest's has no points")
	for _, text := range []string{"", "x", "[]", "{}", `{"promise":1}`, `{"promise":`} {
		require.ErrorIs(t, r.CheckAnswer([]byte(text)), intact.ErrAnswer, text)
		require.Empty(t, intact.PromiseIn([]byte(text)), text)
	}
}

// pairs are changes of an answer, each of one thing that it says.
var pairs = [][2]string{
	{`"sale"`, `"sele"`},
	{`"s1"`, `"s2"`},
	{`t1~2`, `t1`},
	{`05Z`, `06Z`},
	{`INR`, `USD`},
	{`"100.00"`, `"1.00"`},
	{`"100.00"`, `100.00`},
	{`C-1001`, `C-2`},
	{`"purchase_number":1`, `"purchase_number":2`},
	{`:true`, `:false`},
	{`:9,`, `:10,`},
	{`:40`, `:41`},
	{`:-11`, `:11`},
	{`:20`, `:21`},
	{`,"shortfall":20`, ``},
	{`"record_number":7`, `"record_number":8`},
	{`"record_number":7`, `"record_number":"7"`},
	{`"pending"`, `"final"`},
	{`/proof`, `/`},
	{`"promise":"`, `"promise":"x`},
	{`/receipts/`, `/other/`},
	{`"previous_hash":"0x0`, `"previous_hash":"0x1`},
	{`"sale_hash":"0x`, `"sale_hash":"0x0`},
	{`"kind"`, `"kind":"refund","kind"`},
	{`"kind"`, `"unreferenced":true,"kind"`},
	{`"loyalty":{`, `"other":{`},
	{`"anchor":{`, `"other":{`},
}

func TestAKeyringReadsTheKeysAgainForOneThatItDoesNotKnow(t *testing.T) {
	first, second := newKey(t), newKey(t)
	reads, published := 0, keysOf(first)
	var away error
	ring := intact.NewKeyring(func(context.Context) (intact.Keys, error) { reads++; return published, away })
	check := func(rows ...*intact.Row) []error {
		t.Helper()
		wrong, err := ring.Check(t.Context(), rows...)
		require.NoError(t, err)
		return wrong
	}
	require.Equal(t, []error{nil}, check(sold(first)))
	require.Equal(t, []error{nil}, check(sold(first)))
	require.Equal(t, 1, reads)
	published = keysOf(first, second)
	many := make([]*intact.Row, 20)
	for i := range many {
		many[i] = sold(second)
	}
	many[13].Earned++
	wrong := check(many...)
	for i, err := range wrong {
		require.Equal(t, i == 13, err != nil, "%d", i)
	}
	require.Equal(t, 2, reads)
	require.ErrorIs(t, check(sold(newKey(t)))[0], intact.ErrPromise)

	away = errors.New("away")
	require.Equal(t, []error{nil}, check(sold(second)), "known keys need no read")
	_, err := ring.Check(t.Context(), sold(newKey(t)))
	require.ErrorIs(t, err, away, "nothing is said of a row without the keys")
	ring.Forget()
	_, err = ring.Check(t.Context(), sold(first))
	require.ErrorIs(t, err, away)
}

func TestWhatIsNoKeyIsLeftOut(t *testing.T) {
	key := newKey(t)
	text := string(key.JWK().Bytes())
	require.Len(t, intact.KeysOf([]string{text, "x", strings.Replace(text, `"kid":"`, `"kid":"0`, 1)}, 7).Published.Keys, 1)
}

func TestEachAlarmIsCountedAndNotEachIsLogged(t *testing.T) {
	var log testkit.Log
	registry := prometheus.NewRegistry()
	alarm := intact.NewAlarm(slog.New(slog.NewTextHandler(&log, nil)), registry, intact.Sale, intact.Head)
	const raised = 1000
	for range raised {
		alarm.Raise(intact.Sale, "sale_id", "one")
	}
	lines := strings.Count(log.String(), "ALARM: a sale's row")
	require.GreaterOrEqual(t, lines, 100)
	require.Less(t, lines, raised)
	require.Contains(t, log.String(), "sale_id=one")
	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(
		"# HELP tillseal_altered_total Times that something about to be used was found changed behind the services' back: an alarm."+`
# TYPE tillseal_altered_total counter
tillseal_altered_total{what="head"} 0
tillseal_altered_total{what="sale"} 1000
`)))
}
