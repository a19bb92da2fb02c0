package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/sale"
)

// landed is one answer in a batch's.
type landed struct {
	Key    json.RawMessage `json:"idempotency_key"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

func (l landed) code(t *testing.T) refusal.Code {
	t.Helper()
	return read[struct{ Code refusal.Code }](t, reply{Body: l.Body}).Code
}

func entry(key, record string) string {
	return `{"idempotency_key":"` + key + `","record":` + record + `}`
}

func (t *till) batch(entries ...string) (reply, []landed) {
	t.t.Helper()
	r := t.do(http.MethodPost, "/record/batch", "["+strings.Join(entries, ",")+"]")
	require.Equal(t.t, http.StatusOK, r.Status, "%s", r.Body)
	require.Equal(t.t, "application/json", r.Header.Get("Content-Type"))
	return r, read[[]landed](t.t, r)
}

func TestADaysSalesComeInOneBatchAndEachIsAnsweredInItsPlace(t *testing.T) {
	shop := setup(t)
	var entries, keys []string
	for i := range 500 {
		keys = append(keys, newKey())
		entries = append(entries, entry(keys[i], fmt.Sprintf(`{"currency":"INR","total":"10","customer_id":"C-1","terminal_seq":%d}`, i)))
	}
	r, all := shop.till.batch(entries...)
	require.Len(t, all, 500)
	require.Empty(t, r.Header.Get("Retry-After"))
	for i, one := range all {
		require.Equal(t, 201, one.Status, "%s", one.Body)
		require.JSONEq(t, `"`+keys[i]+`"`, string(one.Key))
		require.Equal(t, int64(i+1), read[answer](t, reply{Body: one.Body}).Loyalty.PurchaseNumber, "the order of the batch is that of the sales")
	}
	_, again := shop.till.batch(entries...)
	require.Equal(t, all, again)
	require.Equal(t, 500, shop.sales())
}

func TestAKeySentAloneAndInABatchIsOneSale(t *testing.T) {
	shop := setup(t)
	alone, both := newKey(), newKey()
	first, _ := shop.till.sell(alone, tea)
	_, got := shop.till.batch(
		entry(strings.ToUpper(alone), ` { "total": "1249.50", "customer_id":"C-1001","currency":"INR" } `),
		entry(both, tea), entry(both, tea), entry(both, `{"currency":"INR","total":"1"}`), entry(alone, `{"currency":"INR","total":"1"}`))
	require.Equal(t, string(first.Body), string(got[0].Body))
	require.Equal(t, 201, got[1].Status)
	require.Equal(t, 201, got[2].Status)
	require.Equal(t, string(got[1].Body), string(got[2].Body))
	require.Equal(t, refusal.KeyReused, got[3].code(t))
	require.Equal(t, 422, got[4].Status)
	require.Equal(t, refusal.KeyReused, got[4].code(t))
	again, _ := shop.till.sell(both, tea)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Equal(t, string(got[1].Body), string(again.Body))
	require.Equal(t, 2, shop.sales())
}

func TestARecordInABatchIsHashedAsItWasSent(t *testing.T) {
	shop := setup(t)
	record := "{ \"total\" :\t\"7.5\",\n\"currency\":\"INR\" , \"customer_id\":\"C\\u002d1\"}"
	_, got := shop.till.batch("{\"record\" : " + record + " , \"idempotency_key\":\"" + newKey() + "\"}")
	require.Equal(t, 201, got[0].Status, "%s", got[0].Body)
	require.Equal(t, record, string(query[[]byte](shop, "SELECT request FROM audit.sale WHERE kind = 'sale'")))
	sold := read[answer](t, reply{Body: got[0].Body})
	facts := sale.Sale{
		SaleID: sold.SaleID, Kind: "sale", StoreID: "s1", TerminalID: "t1", CustomerID: "C-1", Currency: "INR", Total: "7.50", PointsDelta: 50, PointsBalance: 50,
		RecordNumber: 1, PurchaseNumber: 1,
		RecordedAt:  uint64(query[int64](shop, "SELECT recorded_at_us FROM audit.sale WHERE kind = 'sale'")),
		RequestHash: sale.Keccak([]byte(record)), Salt: common.Hash(query[[]byte](shop, "SELECT salt FROM audit.sale WHERE kind = 'sale'")),
	}
	require.Equal(t, sold.Anchor.SaleHash, facts.Hash().Hex())
}

func TestOneBadRecordInABatchHarmsNoOther(t *testing.T) {
	shop := setup(t)
	sold, refund := newKey(), newKey()
	long := `{"currency":"INR","total":"1","customer_id":"` + strings.Repeat("x", 256<<10) + `"}`
	nested := strings.Repeat("[", 10_500) + strings.Repeat("]", 10_500)
	bad := []struct {
		entry   string
		key     string
		status  int
		code    refusal.Code
		pointer string // "-" for none
	}{
		{`7`, `null`, 422, refusal.InvalidRecord, ""},
		{`{}`, `null`, 400, refusal.KeyMissing, "-"},
		{`{"record":` + tea + `}`, `null`, 400, refusal.KeyMissing, "-"},
		{`{"idempotency_key":7,"record":` + tea + `}`, `null`, 400, refusal.KeyInvalid, "-"},
		{`{"idempotency_key":"","record":` + tea + `}`, `""`, 400, refusal.KeyInvalid, "-"},
		{entry("01a1f94f-e264-7599-97ba-9d8ea7e314e5", tea), `"01a1f94f-e264-7599-97ba-9d8ea7e314e5"`, 400, refusal.KeyInvalid, "-"},
		{`{"idempotency_key":"` + newKey() + `"}`, "", 422, refusal.InvalidRecord, "/record"},
		{`{"idempotency_key":"` + newKey() + `","record":` + tea + `,"store":1}`, "", 400, refusal.MalformedJSON, "/store"},
		{`{"idempotency_key":"` + newKey() + `","record":{},"record":` + tea + `}`, "", 400, refusal.MalformedJSON, "/record"},
		{entry(newKey(), `null`), "", 422, refusal.InvalidRecord, ""},
		{entry(newKey(), `"}],"`), "", 422, refusal.InvalidRecord, ""},
		{entry(newKey(), `{"currency":"INR","total":"-1"}`), "", 422, refusal.InvalidRecord, "/total"},
		{entry(newKey(), `{"currency":"INR","total":"1","total":"1"}`), "", 400, refusal.MalformedJSON, "-"},
		{entry(newKey(), "{\"currency\":\"INR\",\"total\":\"\xff\"}"), "", 400, refusal.MalformedJSON, "-"},
		{entry(newKey(), nested), "", 400, refusal.MalformedJSON, "-"},
		{entry(newKey(), strings.Repeat(`{"a":`, 10_500)+`1`+strings.Repeat(`}`, 10_500)), "", 400, refusal.MalformedJSON, "-"},
		{nested, `null`, 400, refusal.MalformedJSON, "-"},
		{`{"idempotency_key":` + nested + `,"record":` + tea + `}`, `null`, 400, refusal.KeyInvalid, "-"},
		{`{"x":` + nested + `,"idempotency_key":"` + newKey() + `","record":` + tea + `}`, "", 400, refusal.MalformedJSON, "/x"},
		{entry(newKey(), `{"currency":"INR","total":01}`), "", 400, refusal.MalformedJSON, "-"},
		{entry(newKey(), `{"currency":"INR","total":"1","terminal_seq":1e999999999999}`), "", 422, refusal.InvalidRecord, "/terminal_seq"},
		{entry(newKey(), `{"currency":"INR","total":"1","terminal_seq":`+strings.Repeat("9", 5000)+`}`), "", 422, refusal.InvalidRecord, "/terminal_seq"},
		{entry(newKey(), `tru e`), "", 400, refusal.MalformedJSON, "-"},
		{entry(newKey(), "{\"currency\":\"INR\",\x00\"total\":\"1\"}"), "", 400, refusal.MalformedJSON, "-"},
		{entry(newKey(), "{\"currency\":\"INR\",\"total\":\"1\",\"customer_id\":\"a\x00\"}"), "", 400, refusal.MalformedJSON, "-"},
		{entry(newKey(), `{"currency":"INR","total":"1","customer_id":"a\u0000"}`), "", 422, refusal.InvalidRecord, "/customer_id"},
		{`{"idempotency_key" "` + newKey() + `"}`, `null`, 400, refusal.MalformedJSON, "-"},
		{`{"idempotency_key":"` + newKey() + `","record":}`, "", 400, refusal.MalformedJSON, "-"},
		{`{"idempotency_key":"` + newKey() + `","record":` + tea + `,}`, "", 400, refusal.MalformedJSON, "-"},
		{`{idempotency_key:1}`, `null`, 400, refusal.MalformedJSON, "-"},
		{`{"\ud800":1,"record":` + tea + `}`, `null`, 400, refusal.MalformedJSON, "-"},
		{"{\"\xff\":1}", `null`, 400, refusal.MalformedJSON, "/\ufffd"},
		{"{\"idempotency_key\":\"\xff\",\"record\":" + tea + "}", `null`, 400, refusal.KeyInvalid, "-"},
		{`nonsense`, `null`, 400, refusal.MalformedJSON, "-"},
		{"\x00", `null`, 400, refusal.MalformedJSON, "-"},
		{`null`, `null`, 422, refusal.InvalidRecord, ""},
		{`[` + tea + `]`, `null`, 422, refusal.InvalidRecord, ""},
		{entry(newKey(), `{"currency":"INR","total":"\ud800"}`), "", 400, refusal.MalformedJSON, "-"},
		{entry(newKey(), `{"currency":"INR","total":"1","lines":[{"quantity":"1","unit_price":"2"}]}`), "", 422, refusal.TotalsMismatch, "/lines"},
		{entry(newKey(), `{"currency":"INR","total":"1","customer_id":"C","redeem_points":4}`), "", 422, refusal.FewPoints, "/redeem_points"},
		{entry(newKey(), `{"kind":"refund","currency":"INR","total":"1","refund_of_key":"`+newKey()+`"}`), "", 404, refusal.NotFound, "/refund_of_key"},
		{entry(newKey(), long), "", 413, refusal.BodyTooLarge, "-"},
	}
	entries := []string{entry(sold, `{"currency":"INR","total":"10"}`)}
	for _, b := range bad {
		entries = append(entries, b.entry)
	}
	entries = append(entries, entry(refund, `{"kind":"refund","currency":"INR","total":"4","refund_of_key":"`+sold+`"}`))
	_, got := shop.till.batch(entries...)
	require.Len(t, got, len(entries))
	require.Equal(t, 201, got[0].Status)
	require.Equal(t, 201, got[len(got)-1].Status, "%s", got[len(got)-1].Body)
	for i, b := range bad {
		one := got[i+1]
		require.Equal(t, b.status, one.Status, "%d: %s", i, one.Body)
		if b.key != "" {
			require.Equal(t, b.key, string(one.Key), i)
		}
		p := read[struct {
			Status int
			Code   refusal.Code
			Errors []refusal.Field
		}](t, reply{Body: one.Body})
		require.Equal(t, b.code, p.Code, "%d: %s", i, one.Body)
		require.Equal(t, b.status, p.Status)
		if b.pointer != "-" {
			require.NotEmpty(t, p.Errors, "%s", one.Body)
			require.Equal(t, b.pointer, p.Errors[0].Pointer)
		}
	}
	require.Equal(t, 2, shop.sales())
}

func TestABatchThatIsNoneIsRefusedWhole(t *testing.T) {
	shop := setup(t)
	post := func(body string, headers ...string) reply {
		return shop.till.do(http.MethodPost, "/record/batch", body, headers...)
	}
	one := entry(newKey(), tea)
	for _, body := range []string{
		``, `[`, `[` + one, `[` + one + `,]`, `[` + one + `]x`, `[` + one + `}`,
		`[` + one + ` ` + one + `]`, `[,` + one + `]`, `[` + one + `,,` + one + `]`, `[` + one + `,{"record":"]`, `[` + one + `,{"record":[1}]`,
		`[` + one + `,{"record":{}]`, `[` + one + `,tru"e"]`, `{` + strings.Repeat(`"a":{`, 10_500),
	} {
		refuses(t, post(body, "Content-Type", "application/json"), 400, refusal.MalformedJSON)
	}
	for _, body := range []string{`{}`, `null`, `"x"`, one} {
		require.Empty(t, refuses(t, post(body), 422, refusal.InvalidRecord)[0].Pointer)
	}
	many := strings.Repeat(`{},`, 500) + `{}`
	require.Equal(t, "/500", refuses(t, post(`[`+many+`]`), 422, refusal.InvalidRecord)[0].Pointer)
	refuses(t, post(`[`+one+`]`, "Content-Type", "text/plain"), 415, refusal.MediaType)
	refuses(t, post(`[`+one+`]`, "Authorization", ""), 401, refusal.Unauthenticated)
	require.Zero(t, shop.sales())

	r, none := shop.till.batch()
	require.Empty(t, none)
	require.Equal(t, "[]", string(r.Body))
	padded := func(n int) string { return "[" + one + strings.Repeat(" ", n-len(one)-2) + "]" }
	require.Equal(t, 200, post(padded(4<<20)).Status)
	refuses(t, post(padded(4<<20+1)), 413, refusal.BodyTooLarge)
	refuses(t, post(padded(4<<20+800<<10)), 413, refusal.BodyTooLarge)
	require.Equal(t, 1, shop.sales())
}

func TestEachRecordOfABatchCountsAgainstTheTerminalsRate(t *testing.T) {
	shop := setup(t, func(c *gateway.Config) { c.TerminalRate = 5 }) // 10 at once
	var entries []string
	for range 30 {
		entries = append(entries, entry(newKey(), tea))
	}
	r, got := shop.till.batch(entries...)
	recorded := 0
	for recorded < len(got) && got[recorded].Status == 201 {
		recorded++
	}
	require.GreaterOrEqual(t, recorded, 10)
	require.Less(t, recorded, 30)
	for _, rest := range got[recorded:] {
		require.Equal(t, 429, rest.Status)
		require.Equal(t, refusal.RateLimited, rest.code(t))
	}
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	require.Equal(t, recorded, shop.sales())
}

func TestABatchThatCantBeStoredNowIsToldToComeAgainInOrder(t *testing.T) {
	shop := setup(t)
	release := shop.lockAccounts()
	sold := newKey()
	entries := []string{
		entry(sold, tea), entry(newKey(), `{"kind":"refund","currency":"INR","total":"1","refund_of_key":"`+sold+`"}`), entry(newKey(), `{"currency":"INR"}`),
	}
	for range 200 {
		entries = append(entries, entry(newKey(), tea))
	}
	r, got := shop.till.batch(entries...)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	for i, one := range got {
		if i == 2 {
			require.Equal(t, refusal.InvalidRecord, one.code(t), "what is wrong stays wrong")
			continue
		}
		require.Equal(t, 503, one.Status, "%d: %s", i, one.Body)
	}
	release()
	_, got = shop.till.batch(entries...)
	for i, one := range got {
		if i != 2 {
			require.Equal(t, 201, one.Status, "%d: %s", i, one.Body)
		}
	}
	require.Equal(t, len(entries)-1, shop.sales())
}

// lockAccounts keeps every gateway from the loyalty accounts until release.
func (s *shop) lockAccounts() (release func()) {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.db.Admin)
	require.NoError(s.t, err)
	tx, err := conn.Begin(s.t.Context())
	require.NoError(s.t, err)
	_, err = tx.Exec(s.t.Context(), "LOCK TABLE sales.loyalty_account IN ACCESS EXCLUSIVE MODE")
	require.NoError(s.t, err)
	return func() { require.NoError(s.t, conn.Close(s.t.Context())) }
}
