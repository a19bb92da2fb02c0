package gateway_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestATillAsksWhetherItsRecordLanded(t *testing.T) {
	shop := setup(t)
	key := newKey()
	refuses(t, shop.till.do("GET", "/idempotency/"+key, ""), 404, refusal.NotFound)
	refuses(t, shop.till.post(key, `{"currency":"INR","total":"-1"}`), 422, refusal.InvalidRecord)
	refuses(t, shop.till.do("GET", "/idempotency/"+key, ""), 404, refusal.NotFound)
	first, _ := shop.till.sell(key, tea)
	shop.redis.Kill() // Postgres knows
	for _, k := range []string{key, strings.ToUpper(key), "%22" + key + "%22"} {
		landed := shop.till.do("GET", "/idempotency/"+k, "")
		require.Equal(t, 201, landed.Status)
		require.Equal(t, "true", landed.Header.Get("Idempotency-Replayed"))
		require.Equal(t, "application/json", landed.Header.Get("Content-Type"))
		require.Equal(t, string(first.Body), string(landed.Body))
	}
	for _, k := range []string{"x", "01a1f94f-e264-7599-97ba-9d8ea7e314e5", "%20"} {
		refuses(t, shop.till.do("GET", "/idempotency/"+k, ""), 400, refusal.KeyInvalid)
	}
	refuses(t, shop.newTill("s1", "t2").do("GET", "/idempotency/"+key, ""), 404, refusal.NotFound)
}

type standing struct {
	CustomerID    string `json:"customer_id"`
	PointsBalance int64  `json:"points_balance"`
	Purchases     int64  `json:"purchases"`
	Tier          string `json:"tier"`
}

type entriesPage struct {
	CustomerID string `json:"customer_id"`
	Entries    []struct {
		SaleID         string `json:"sale_id"`
		Kind           string `json:"kind"`
		PurchaseNumber int64  `json:"purchase_number"`
		PointsEarned   int64  `json:"points_earned"`
		PointsRedeemed int64  `json:"points_redeemed"`
		PointsDelta    int64  `json:"points_delta"`
		PointsBalance  int64  `json:"points_balance"`
		RecordedAt     string `json:"recorded_at"`
		RulesVersion   string `json:"rules_version"`
	} `json:"entries"`
	NextCursor *string `json:"next_cursor"`
}

func TestACustomersLoyaltyIsOneForAllStores(t *testing.T) {
	shop := setup(t)
	other := shop.newTill("s2", "t2")
	_, first := shop.till.sell(newKey(), `{"currency":"INR","total":"1000","customer_id":"a:b@c+d"}`)
	other.sell(newKey(), `{"currency":"INR","total":"100","customer_id":"a:b@c+d","redeem_points":40}`)
	_, back := shop.till.sell(newKey(), `{"kind":"refund","refund_of":"`+first.SaleID+`","currency":"INR","total":"500"}`)
	shop.till.sell(newKey(), `{"currency":"INR","total":"1","customer_id":"another"}`)
	for _, path := range []string{"/customers/a:b@c+d/loyalty", "/customers/a%3Ab%40c%2Bd/loyalty"} {
		require.Equal(t, standing{"a:b@c+d", 150 + 9 - 40 - 75, 2, "base"}, read[standing](t, shop.till.do("GET", path, "")))
	}
	page := read[entriesPage](t, shop.till.do("GET", "/customers/a:b@c+d/loyalty/entries", ""))
	require.Nil(t, page.NextCursor)
	require.Equal(t, "a:b@c+d", page.CustomerID)
	require.Len(t, page.Entries, 3)
	newest, middle, oldest := page.Entries[0], page.Entries[1], page.Entries[2]
	require.Equal(t, []any{back.SaleID, "refund", int64(0), int64(-75), int64(-75), int64(44)},
		[]any{newest.SaleID, newest.Kind, newest.PurchaseNumber, newest.PointsEarned, newest.PointsDelta, newest.PointsBalance})
	require.Equal(t, []any{"", "sale", int64(2), int64(9), int64(40), int64(-31), int64(119), "2"},
		[]any{
			middle.SaleID, middle.Kind, middle.PurchaseNumber, middle.PointsEarned, middle.PointsRedeemed, middle.PointsDelta, middle.PointsBalance,
			middle.RulesVersion,
		})
	require.Equal(t, first.SaleID, oldest.SaleID)
	require.Equal(t, first.RecordedAt, oldest.RecordedAt)
	require.NotContains(t, string(other.do("GET", "/customers/a:b@c+d/loyalty/entries", "").Body), first.SaleID)

	for _, path := range []string{"/customers/nobody/loyalty", "/customers/nobody/loyalty/entries", "/customers/a%20b/loyalty", "/customers/%00/loyalty"} {
		refuses(t, shop.till.do("GET", path, ""), 404, refusal.NotFound)
	}
}

func TestEntriesAreReadPageByPageWhileNewOnesCome(t *testing.T) {
	shop := setup(t)
	sell := func() { shop.till.sell(newKey(), `{"currency":"INR","total":"10","customer_id":"C"}`) }
	for range 7 {
		sell()
	}
	var seen []int64
	query := "?limit=3"
	for pages := 0; ; pages++ {
		require.Less(t, pages, 10)
		page := read[entriesPage](t, shop.till.do("GET", "/customers/C/loyalty/entries"+query, ""))
		require.LessOrEqual(t, len(page.Entries), 3)
		for _, e := range page.Entries {
			seen = append(seen, e.PurchaseNumber)
		}
		sell()
		if page.NextCursor == nil {
			break
		}
		query = "?limit=3&cursor=" + url.QueryEscape(*page.NextCursor)
	}
	require.Equal(t, []int64{7, 6, 5, 4, 3, 2, 1}, seen)
	require.Len(t, read[entriesPage](t, shop.till.do("GET", "/customers/C/loyalty/entries?limit=200", "")).Entries, 10)
	for _, q := range []string{
		"limit=", "limit=0", "limit=201", "limit=x", "limit=-1", "cursor=", "cursor=x", query[1:] + "AA", "cursor=%00", "cursor=AgAAAAAAAAAB",
		"cursor=AQAAAAAAAAAA",
	} {
		refuses(t, shop.till.do("GET", "/customers/C/loyalty/entries?"+q, ""), 400, refusal.BadRequest)
	}
}

const goldRules = `{"version":"2026-autumn","points_per_unit":{"INR":"1"},"first_purchase_bonus":0,"point_worth":{},
	"tiers":[{"name":"base","from_purchase":1,"multiplier":"1"},{"name":"gold","from_purchase":3,"multiplier":"1.5"}]}`

func TestTheRulesOfTheFileAreAppliedAndTheirVersionIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.json")
	require.NoError(t, os.WriteFile(path, []byte(goldRules), 0o600))
	shop := setup(t, func(c *gateway.Config) { c.LoyaltyRules = path })
	for n, want := range []struct {
		earned int64
		tier   string
	}{{11, "base"}, {11, "base"}, {16, "gold"}, {16, "gold"}} {
		_, sold := shop.till.sell(newKey(), `{"currency":"INR","total":"11","customer_id":"C"}`)
		require.Equal(t, want.earned, sold.Loyalty.PointsEarned, "purchase %d", n+1)
		require.Equal(t, want.tier, read[standing](t, shop.till.do("GET", "/customers/C/loyalty", "")).Tier)
	}
	for _, e := range read[entriesPage](t, shop.till.do("GET", "/customers/C/loyalty/entries", "")).Entries {
		require.Equal(t, "2026-autumn", e.RulesVersion)
	}
}

func TestAReceiptIsShownToWhoeverHoldsItsToken(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), `{"currency":"INR","total":"1000","customer_id":"SECRET-1","tenders":[{"type":"<i>cash</i>","amount":"1000"}],
		"lines":[{"name":"<script>alert(1)</script>","quantity":"2","unit_price":"500"}]}`)
	get := func(path string) reply { return shop.till.do("GET", path, "", "Authorization", "") }
	r := get(sold.ReceiptURL)
	require.Equal(t, 200, r.Status)
	require.Equal(t, "text/html; charset=utf-8", r.Header.Get("Content-Type"))
	require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	require.Equal(t, "no-referrer", r.Header.Get("Referrer-Policy"))
	require.Contains(t, r.Header.Get("Content-Security-Policy"), "default-src 'none'")
	page := string(r.Body)
	for _, shown := range []string{
		"1000.00 INR", sold.RecordedAt, sold.SaleID, sold.Anchor.SaleHash, "unknown", "&lt;script&gt;", "&lt;i&gt;cash",
		"<dd>150</dd>",
	} {
		require.Contains(t, page, shown)
	}
	for _, hidden := range []string{"<script", "<i>", "SECRET-1", "http://", "https://"} {
		require.NotContains(t, page, hidden)
	}
	stop, err := ledger(shop, func() bool { return true }, func() error { return nil })
	require.NoError(t, err)
	defer stop()
	require.Contains(t, string(get(sold.ReceiptURL).Body), "batched")

	path, token, _ := strings.Cut(sold.ReceiptURL, "?t=")
	for _, wrong := range []string{
		path, path + "?t=", path + "?t=" + token[1:], path + "?t=" + strings.ToUpper(token),
		"/receipts/" + uuid.NewString() + "?t=" + token, "/receipts/x?t=" + token,
	} {
		refuses(t, get(wrong), 404, refusal.NotFound)
	}
	_, refund := shop.till.sell(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"INR","total":"10"}`)
	page = string(get(refund.ReceiptURL).Body)
	require.Contains(t, page, "Receipt of a refund")
	require.Contains(t, page, "<dt>Refund of</dt><dd>"+sold.SaleID+"</dd>")
	_, loose := shop.till.sell(newKey(), `{"kind":"refund","currency":"INR","total":"10"}`)
	require.Contains(t, string(get(loose.ReceiptURL).Body), "<dt>Refund of</dt><dd>a purchase whose receipt was not shown</dd>")
}

func TestAReceiptShowsWhatTheSlipSays(t *testing.T) {
	shop := setup(t)
	slip := func(body string) string {
		t.Helper()
		_, sold := shop.till.sell(newKey(), body)
		return string(shop.till.do("GET", sold.ReceiptURL, "", "Authorization", "").Body)
	}
	page := slip(`{"currency":"INR","total":"1239.50","external_ref":"INV-<i>42","note":"not for the shopper","metadata":{"table":"hidden"},"lines":[
		{"sku":"TEA-250","name":"Assam <b>tea</b>","quantity":"2","unit_price":"624.75","discount":"0.50","tax_included":true,
		 "taxes":[{"name":"<u>CGST","rate":"9","amount":"95.26"},{"amount":"95.27"}],"amount":"1249.00"},
		{"type":"return","sku":"CUP","quantity":"-1","unit_price":"20.00"},{"type":"service_charge","amount":"10.00"},{"amount":"0.50"}],
		"tenders":[{"type":"cash","amount":"1199.50","tendered":"1200.00","change":"0.50","reference":"<s>drawer 2"},{"type":"card","amount":"40"}]}`)
	for _, shown := range []string{
		"<dt>Reference</dt><dd>INV-&lt;i&gt;42</dd>",
		"<tr><td>Assam &lt;b&gt;tea&lt;/b&gt;</td><td>2 × 624.75<br>discount 0.50<br>&lt;u&gt;CGST 9 % 95.26<br>tax 95.27<br>tax included</td><td>1249.00</td></tr>",
		"<tr><td>CUP (return)</td><td>-1 × 20.00</td><td>-20.00</td></tr>",
		"<tr><td>service charge</td><td></td><td>10.00</td></tr>",
		"<tr><td>item</td><td></td><td>0.50</td></tr>",
		"<dt>cash</dt><dd>1199.50 (tendered 1200.00, change 0.50, reference &lt;s&gt;drawer 2)</dd>",
		"<dt>card</dt><dd>40</dd>",
	} {
		require.Contains(t, page, shown)
	}
	for _, hidden := range []string{"not for the shopper", "hidden", "Refund of", "<b>", "<i>", "<u>", "<s>"} {
		require.NotContains(t, page, hidden)
	}
	require.NotContains(t, page, "Sold at")
	require.NotContains(t, page, "offline")
	page = slip(`{"currency":"INR","total":"1000","customer_id":"C-7","redeem_points":70,"offline":true,"occurred_at":"2026-11-22T10:15:30+05:30"}`)
	require.Contains(t, page, "<dt>Sold at</dt><dd>2026-11-22T10:15:30&#43;05:30 by the till's clock</dd>")
	require.Contains(t, page, ", afterwards: the till was offline</dd>")
	require.Contains(t, page, "<dt>Points redeemed beyond the balance</dt><dd>70</dd>")
	page = slip(`{"kind":"refund","currency":"INR","total":"1","occurred_at":"2026-11-22T10:15:30Z"}`)
	require.Contains(t, page, "<dt>Refunded at</dt><dd>2026-11-22T10:15:30Z by the till's clock</dd>")
	page = slip(`{"currency":"INR","total":"1000","customer_id":"C-7","redeem_points":10}`)
	require.Contains(t, page, "<dt>Points redeemed</dt><dd>10</dd>")
	require.NotContains(t, page, "beyond the balance")
	page = slip(`{"currency":"INR","total":"5","lines":[{"name":"Pen","quantity":"1","unit_price":"4","tax":"1"}]}`)
	require.Contains(t, page, "<tr><td>Pen</td><td>1 × 4<br>tax 1</td><td>5.00</td></tr>")
	require.NotContains(t, page, "<dt>Reference</dt>")
}

func TestEveryAnswerNamesItsRequest(t *testing.T) {
	shop := setup(t)
	for _, path := range []string{"/healthz", "/nowhere", "/sales/" + uuid.NewString()} {
		r := shop.till.do("GET", path, "")
		require.NoError(t, uuid.Validate(r.Header.Get("X-Request-Id")), path)
		require.NotEqual(t, r.Header.Get("X-Request-Id"), shop.till.do("GET", path, "").Header.Get("X-Request-Id"))
	}
	r := shop.till.do("GET", "/nowhere", "", "X-Request-Id", "till-7-request-00042")
	require.Equal(t, "till-7-request-00042", r.Header.Get("X-Request-Id"))
	require.Contains(t, string(r.Body), `"instance":"urn:tillseal:request:till-7-request-00042"`)
	for _, bad := range []string{"short", "with space in it", shop.till.key, strings.Repeat("x", 65), "customer_1001", `"quoted-id"`} {
		require.NoError(t, uuid.Validate(shop.till.do("GET", "/healthz", "", "X-Request-Id", bad).Header.Get("X-Request-Id")), bad)
	}
	huge := shop.till.do("GET", "/healthz", "", "X-Big", strings.Repeat("x", 20<<10))
	refuses(t, huge, 400, refusal.BadRequest)
	require.NotEmpty(t, huge.Header.Get("X-Request-Id"))

	refuses(t, shop.till.do("GET", "/sales/"+uuid.NewString()+"/proof", ""), 404, refusal.NotFound)
	_, sold := shop.till.sell(newKey(), tea)
	refuses(t, shop.till.do("GET", "/sales/"+sold.SaleID+"/proof", "", "X-Request-Id", "find-me-in-the-log"), 503, refusal.LedgerAway)
	require.NoError(t, shop.gates[0].stop())
	require.Contains(t, shop.gates[0].log.String(), `"request_id":"find-me-in-the-log"`)
}

func TestMethodsAreSane(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), tea)
	for path, allowed := range map[string]string{
		"/record": "POST", "/record/batch": "POST", "/sales/" + sold.SaleID: "GET, HEAD",
		"/healthz": "GET, HEAD", "/openapi.json": "GET, HEAD",
	} {
		r := shop.till.do(http.MethodDelete, path, "")
		refuses(t, r, 405, refusal.MethodNotAllowed)
		require.Equal(t, allowed, r.Header.Get("Allow"), path)
		r = shop.till.do(http.MethodOptions, path, "", "Authorization", "")
		require.Equal(t, 204, r.Status, path)
		require.Equal(t, allowed, r.Header.Get("Allow"))
		require.Empty(t, r.Body)
	}
	get, head := shop.till.do(http.MethodGet, "/sales/"+sold.SaleID, ""), shop.till.do(http.MethodHead, "/sales/"+sold.SaleID, "")
	require.Equal(t, 200, head.Status)
	require.Empty(t, head.Body)
	require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"))
	require.Equal(t, 401, shop.till.do(http.MethodHead, "/sales/"+sold.SaleID, "", "Authorization", "").Status)
	require.Equal(t, 404, shop.till.do(http.MethodOptions, "/nowhere", "").Status)
}

func TestAVersionOfTheRulesMeansWhatItMeantFirst(t *testing.T) {
	dir := t.TempDir()
	write := func(name, rules string) func(*gateway.Config) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(rules), 0o600))
		return func(c *gateway.Config) { c.LoyaltyRules = path }
	}
	postgres := testkit.OwnPostgres(t)
	shop := open(t, testkit.Migrated(t, postgres), write("first.json", goldRules))
	shop.addGateway(write("respelt.json", strings.ReplaceAll(goldRules, ",", " ,\n")))
	shop.addGateway(write("next.json", strings.Replace(strings.Replace(goldRules, "autumn", "winter", 1), `"1.5"`, `"2"`, 1)))

	changed := write("changed.json", strings.Replace(goldRules, `"1.5"`, `"2"`, 1))
	err := shop.runAlone(changed)
	require.ErrorContains(t, err, "LOYALTY_RULES")
	require.True(t, fault.Is(err, fault.Invalid))

	require.NoError(t, postgres.Kill()) // the gateway starts, and is stopped once Postgres answers
	err = shop.runAlone(changed, func(c *gateway.Config) {
		c.Ready = func() {
			if err := postgres.Restart(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	require.ErrorContains(t, err, "LOYALTY_RULES")
}
