package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/testkit"
)

// These tests have the owner of the database change what no service may.

// alteredCount is tillseal_altered_total of one kind at a gateway.
func alteredCount(t *testing.T, addr, what string) string {
	t.Helper()
	return scrape(t, addr)[`tillseal_altered_total{what="`+what+`"}`]
}

// changing changes a row, and takes that back afterwards.
func (s *shop) changing(table, change, where string, while func()) {
	s.t.Helper()
	where = " WHERE " + where
	s.exec("CREATE TABLE kept AS SELECT * FROM " + table + where)
	s.exec("UPDATE " + table + " SET " + change + where)
	while()
	s.exec("SET session_replication_role = replica; DELETE FROM " + table + where + "; INSERT INTO " + table + " SELECT * FROM kept; DROP TABLE kept")
}

func TestABalanceThatWasSetIsNotBuiltOn(t *testing.T) {
	addr, measured := measuring(t)
	shop := setup(t, measured)
	require.Equal(t, "0", alteredCount(t, addr, "account"))
	fresh := shop.addGateway()
	shop.till.sell(newKey(), tea)
	shop.till.sell(newKey(), `{"currency":"INR","total":"10","customer_id":"C-2"}`)
	for what, change := range map[string]string{
		"its balance":        "points_balance = 99999",
		"its purchases":      "purchases = 0",
		"its entries":        "entries = 0",
		"a bonus that waits": "bonus_due = true",
		"its last record's":  "last_recorded_us = 1",
		"all of it":          "points_balance = 0, purchases = 0, entries = 0, last_recorded_us = 0",
	} {
		t.Run(what, func(t *testing.T) {
			shop.changing("sales.loyalty_account", change, "customer_id = 'C-1001'", func() {
				for _, till := range []*till{shop.till, shop.till.at(fresh)} { // one that has seen the account before, and one that has not
					refuses(t, till.post(newKey(), tea), 409, refusal.Altered)
					refuses(t, till.post(newKey(), `{"kind":"refund","refund_of_key":"`+newKey()+`","currency":"INR","total":"1"}`), 404, refusal.NotFound)
					refuses(t, till.do("GET", "/customers/C-1001/loyalty", ""), 409, refusal.Altered)
					refuses(t, till.do("GET", "/customers/C-1001/loyalty/entries", ""), 409, refusal.Altered)
					till.sell(newKey(), `{"currency":"INR","total":"10","customer_id":"C-2"}`) // the others go on
				}
			})
		})
	}
	require.NotEqual(t, "0", alteredCount(t, addr, "account"))
	log := shop.gates[0].log.String()
	require.Contains(t, log, "ALARM: a customer's account is not what its last record says")
	require.NotContains(t, log, "C-1001")
	shop.till.sell(newKey(), tea) // it was set back
	shop.checkBooks()
}

func TestAnAccountThatWasRemovedIsNotBegunAnew(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), tea)
	shop.exec("DELETE FROM sales.loyalty_account")
	refuses(t, shop.till.post(newKey(), tea), 409, refusal.Altered)
	refuses(t, shop.till.do("GET", "/customers/C-1001/loyalty", ""), 409, refusal.Altered)
	require.Zero(t, query[int](shop, "SELECT count(*)::int FROM sales.loyalty_account"))
	require.Equal(t, 1, shop.sales())
}

func TestABalanceThatWasSetEverywhereIsNotWhatWasSigned(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), tea)
	for _, table := range []string{"sales.loyalty_account", "sales.loyalty_entry", "sales.sale"} {
		shop.exec("UPDATE " + table + " SET points_balance = 99999 WHERE customer_id = 'C-1001'")
	}
	fresh := shop.addGateway()
	for _, till := range []*till{shop.till, shop.till.at(fresh)} {
		refuses(t, till.post(newKey(), tea), 409, refusal.Altered)
	}
	// its owner also hashes it anew, and has everything but the key that signed the promise
	shop.exec(`UPDATE sales.sale SET sale_hash = sha256('x') WHERE sale_id = $1`, sold.SaleID)
	shop.exec(`UPDATE sales.terminal_head SET head_hash = sha256('x') WHERE terminal_id = 't1'`)
	for _, till := range []*till{shop.till, shop.till.at(fresh)} {
		refuses(t, till.post(newKey(), tea), 409, refusal.Altered)
		refuses(t, till.post(newKey(), `{"currency":"INR","total":"1"}`), 409, refusal.Altered) // nor does the terminal go on from it
	}
}

func TestATotalThatWasSetIsShownAsAltered(t *testing.T) {
	addr, measured := measuring(t)
	shop := setup(t, measured)
	key := newKey()
	_, sold := shop.till.sell(key, `{"currency":"INR","total":"1249.50","customer_id":"C-1001","occurred_at":"2026-11-22T10:15:30+05:30","terminal_seq":7}`)
	shop.till.sell(newKey(), tea)
	for what, change := range map[string]string{
		"its total":              "total = '1.00'",
		"its total in minor":     "total_minor = 100",
		"its customer":           "customer_id = 'C-2'",
		"its points":             "points_delta = points_delta + 5, points_earned = points_earned + 5",
		"what it earned":         "points_earned = points_earned + 5, points_redeemed = points_redeemed + 5",
		"its balance":            "points_balance = 99999",
		"its purchase":           "purchase_number = 9",
		"its salt":               "salt = sale_hash",
		"its request":            "request = convert_to(replace(convert_from(request, 'UTF8'), '1249.50', '1.00'), 'UTF8')",
		"its request to no JSON": "request = 'x'",
		"its time":               "recorded_at_us = recorded_at_us + 1",
		"its store's name":       "currency = 'USD'",
		"its chain":              "previous_hash = sha256('x')",
		"its hash":               "sale_hash = sha256('x')",
		"its answer":             "answer = convert_to(replace(convert_from(answer, 'UTF8'), '1249.50', '1.00'), 'UTF8')",
		"its answer's points":    `answer = convert_to(replace(convert_from(answer, 'UTF8'), '"points_earned":', '"points_earned":9'), 'UTF8')`,
		"its answer to no JSON":  "answer = 'x'",
		"its promise": `answer = (SELECT convert_to(replace(convert_from(s.answer, 'UTF8'), convert_from(s.answer, 'UTF8')::json ->> 'promise',
				convert_from(o.answer, 'UTF8')::json ->> 'promise'), 'UTF8')
			FROM sales.sale s, sales.sale o WHERE s.chain = 't1' AND s.record_number = 1 AND o.chain = 't1' AND o.record_number = 2)`,
		"its answer, unpromised": `answer = convert_to((convert_from(answer, 'UTF8')::jsonb - 'promise')::text, 'UTF8')`,
	} {
		t.Run(what, func(t *testing.T) {
			shop.changing("sales.sale", change, "sale_id = '"+sold.SaleID+"'", func() {
				if got := shop.till.do("GET", "/sales/"+sold.SaleID, ""); got.Status == 200 {
					require.Equal(t, "altered", read[answer](t, got).Anchor.Status)
				} else {
					refuses(t, got, 409, refusal.Altered)
				}
				receipt := shop.till.do("GET", sold.ReceiptURL, "", "Authorization", "")
				require.Equal(t, 200, receipt.Status)
				if !strings.HasPrefix(what, "its answer") { // a receipt is of the row
					shown := readReceipt(t, receipt)
					require.Equal(t, "altered", shown.Proof.Status)
					require.Contains(t, []string{"shown", "request", "sale_hash", "promise"}, shown.Proof.Step)
					if what == "its total" {
						require.Equal(t, "request", shown.Proof.Step, "the first step that fails")
					}
					require.Nil(t, shown.Record, "nothing of it is shown")
					refuses(t, shop.till.do("GET", strings.Replace(sold.ReceiptURL, "?", "/proof?", 1), "", "Authorization", ""), 409, refusal.Altered)
				}
				shop.flushRedis()
				refuses(t, shop.till.do("GET", "/idempotency/"+key, ""), 409, refusal.Altered)
				refund := fmt.Sprintf(`{"kind":"refund","refund_of":%q,"currency":"INR","total":"1"}`, sold.SaleID)
				if !strings.Contains(what, "answer") || strings.Contains(what, "unpromised") {
					refuses(t, shop.till.post(newKey(), refund), 409, refusal.Altered)
				}
			})
			require.NotEqual(t, "altered", read[answer](t, shop.till.do("GET", "/sales/"+sold.SaleID, "")).Anchor.Status, "it was set back")
		})
	}
	require.NotEqual(t, "0", alteredCount(t, addr, "sale"))
	require.NotEqual(t, "0", alteredCount(t, addr, "answer"))
	log := shop.gates[0].log.String()
	require.Contains(t, log, "ALARM: a sale's row")
	require.Contains(t, log, sold.SaleID)
	require.NotContains(t, log, "C-1001")
	require.NotContains(t, log, "1249.50")
}

func TestARetryIsNotAnsweredFromWhatWasChanged(t *testing.T) {
	shop := setup(t)
	key := newKey()
	_, sold := shop.till.sell(key, tea)
	shop.exec(`UPDATE sales.sale SET answer = convert_to(replace(convert_from(answer, 'UTF8'), '1249.50', '1.00'), 'UTF8') WHERE sale_id = $1`, sold.SaleID)
	eventually(t, "Redis answers no more", func() error { // the first answer may be cached after it was given
		if shop.flushRedis(); shop.till.post(key, tea).Status == 201 {
			return errors.New("not yet")
		}
		return nil
	})
	refuses(t, shop.till.post(key, tea), 409, refusal.Altered)
	shop.claim("t1", key, soon) // nor does another gateway's claim let it through
	refuses(t, shop.till.post(key, tea), 409, refusal.Altered)
	require.Equal(t, 1, shop.sales())
}

func TestAHeadThatWasMovedIsNotBuiltOn(t *testing.T) {
	addr, measured := measuring(t)
	shop := setup(t, measured)
	other := shop.newTill("s1", "t2")
	fresh := shop.addGateway()
	for range 3 {
		shop.till.sell(newKey(), tea)
	}
	for what, change := range map[string]string{
		"back":            "records = 2, head_hash = (SELECT sale_hash FROM sales.sale WHERE chain = 't1' AND record_number = 2)",
		"to its start":    "records = 0, head_hash = decode(repeat('00', 32), 'hex')",
		"on":              "records = 4",
		"to another hash": "head_hash = sha256('x')",
	} {
		t.Run(what, func(t *testing.T) {
			shop.changing("sales.terminal_head", change, "terminal_id = 't1'", func() {
				for _, g := range []*gate{shop.gates[0], fresh} {
					refuses(t, shop.till.at(g).post(newKey(), `{"currency":"INR","total":"1"}`), 409, refusal.Altered)
					other.at(g).sell(newKey(), `{"currency":"INR","total":"1"}`)
				}
			})
		})
	}
	require.NotEqual(t, "0", alteredCount(t, addr, "head"))
	shop.till.sell(newKey(), tea)
	shop.checkBooks()
}

func TestRefundsAreAddedUpFromRefunds(t *testing.T) {
	addr, measured := measuring(t)
	shop := setup(t, measured)
	fresh := shop.addGateway()
	_, sold := shop.till.sell(newKey(), tea)
	refund := fmt.Sprintf(`{"kind":"refund","refund_of":%q,"currency":"INR","total":"1000"}`, sold.SaleID)
	_, back := shop.till.sell(newKey(), refund)
	for what, change := range map[string][2]string{
		"no amount":        {"sales.refund_state", "refunded_minor = 0"},
		"no points":        {"sales.refund_state", "points_clawed = 0"},
		"a larger total":   {"sales.refund_state", "total_minor = total_minor * 2"},
		"a smaller refund": {"sales.sale", "total = '1.00', total_minor = 100"},
		"another sale's":   {"sales.sale", "refund_of = (SELECT sale_id FROM sales.sale WHERE kind = 'key')"},
	} {
		t.Run(what, func(t *testing.T) {
			id := back.SaleID
			if change[0] == "sales.refund_state" {
				id = sold.SaleID
			}
			shop.changing(change[0], change[1], "sale_id = '"+id+"'", func() {
				refuses(t, shop.till.at(fresh).post(newKey(), refund), 409, refusal.Altered)
				if change[0] == "sales.refund_state" {
					refuses(t, shop.till.post(newKey(), refund), 409, refusal.Altered)
				}
			})
		})
	}
	shop.exec("DELETE FROM sales.refund_state")
	refuses(t, shop.till.post(newKey(), refund), 409, refusal.Altered)
	require.Zero(t, query[int](shop, "SELECT count(*)::int FROM sales.refund_state"))
	require.NotEqual(t, "0", alteredCount(t, addr, "refunds"))
	require.Equal(t, 2, shop.sales())
}

func TestAListSaysWhichRecordWasAltered(t *testing.T) {
	shop := setup(t)
	_, first := shop.till.sell(newKey(), tea)
	_, second := shop.till.sell(newKey(), tea)
	shop.exec("UPDATE sales.sale SET total = '1.00' WHERE sale_id = $1", first.SaleID)
	list := read[struct {
		Sales []struct {
			SaleID  string `json:"sale_id"`
			Altered bool   `json:"altered"`
		} `json:"sales"`
	}](t, shop.till.do("GET", "/sales", ""))
	require.Len(t, list.Sales, 2)
	require.Equal(t, []any{second.SaleID, false, first.SaleID, true},
		[]any{list.Sales[0].SaleID, list.Sales[0].Altered, list.Sales[1].SaleID, list.Sales[1].Altered})
	refuses(t, shop.till.do("GET", "/customers/C-1001/loyalty/entries", ""), 409, refusal.Altered)
}

func TestAnEntryThatWasRemovedLeavesAGap(t *testing.T) {
	shop := setup(t)
	for range 3 {
		shop.till.sell(newKey(), tea)
	}
	for number := 1; number <= 3; number++ {
		where := fmt.Sprintf("WHERE entry_number = %d", number)
		shop.exec("CREATE TABLE kept AS SELECT * FROM sales.loyalty_entry " + where)
		shop.exec("DELETE FROM sales.loyalty_entry " + where)
		refuses(t, shop.till.do("GET", "/customers/C-1001/loyalty/entries", ""), 409, refusal.Altered)
		shop.exec("INSERT INTO sales.loyalty_entry SELECT * FROM kept; DROP TABLE kept")
	}
	require.Equal(t, 200, shop.till.do("GET", "/customers/C-1001/loyalty/entries", "").Status)
}

// TestAGatewayWithAnotherKeyIsBelieved has each gateway check what the other signed.
func TestAGatewayWithAnotherKeyIsBelieved(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), tea)
	other := shop.addGateway(func(cfg *gateway.Config) { cfg.PromiseKeyFile = newKeyFile(t) })
	for range 3 {
		for _, g := range shop.gates {
			shop.till.at(g).sell(newKey(), tea)
			require.Equal(t, 200, shop.till.at(g).do("GET", "/sales/"+sold.SaleID, "").Status)
		}
	}
	_, sold = shop.till.at(other).sell(newKey(), tea)
	require.NotEqual(t, "altered", read[answer](t, shop.till.do("GET", "/sales/"+sold.SaleID, "")).Anchor.Status)
	shop.checkBooks()
}

// measuring has a gateway show its metrics at an address.
func measuring(t *testing.T) (addr string, adjust func(*gateway.Config)) {
	t.Helper()
	addr = fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	return addr, func(cfg *gateway.Config) { cfg.Telemetry.MetricsAddr = addr }
}

// scrape reads the metrics at an address, by their names with labels.
func scrape(t *testing.T, addr string) map[string]string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
	require.NoError(t, err)
	r, err := exchange(req)
	require.NoError(t, err)
	all := make(map[string]string)
	for line := range strings.Lines(string(r.Body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			all[name] = value
		}
	}
	return all
}
