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
