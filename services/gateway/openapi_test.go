package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestTheDocumentIsWhatIsAnswered(t *testing.T) {
	shop := setup(t)
	c := newClerk(t, shop.gates[0])
	sold := c.recordsAndRefusals(shop)
	c.reads(shop, sold)
	c.altered(shop)
	c.strangers(shop, sold)
	c.troubles(shop)
	var missed []string
	for _, at := range slices.Sorted(maps.Keys(c.declared)) {
		if !c.seen[at] && !slices.ContainsFunc(beyondReach, func(code string) bool { return strings.HasSuffix(at, " "+code) }) {
			missed = append(missed, at)
		}
	}
	require.Empty(t, missed, "the document has answers that no call could be made to give")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (c *clerk) recordsAndRefusals(shop *shop) answer {
	by := shop.till
	const full = `{"kind":"sale","currency":"INR","total":"1249.50","customer_id":"C-1001","redeem_points":20,
		"lines":[{"sku":"TEA-250","name":"Assam tea","quantity":"2","unit_price":"499.75","discount":"0.00","tax":"250.00"}],
		"tenders":[{"type":"cash","amount":"1244.50"}],"occurred_at":"2026-11-22T10:15:30+05:30","terminal_seq":1042}`
	key := newKey()
	c.record(by, newKey(), `{"currency":"INR","total":"1249.50","customer_id":"C-1001"}`)
	r := c.call(by, callRecord, "/record", full, "Idempotency-Key", key, "X-Request-Id", "till-1-request-7")
	require.Equal(c.t, 201, r.Status, "%s", r.Body)
	sold := read[answer](c.t, r)
	c.call(by, callBatch, "/record/batch", "["+entry(key, full)+"]")
	c.call(by, callRecord, "/record", full, "Idempotency-Key", `"`+key+`"`)
	c.call(by, callLanded, "/idempotency/"+key, "")
	c.record(by, newKey(), `{"currency":"JPY","total":"7"}`)
	c.record(by, newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"INR","total":"400.00"}`)
	c.record(by, newKey(), `{"kind":"refund","refund_of_key":"`+key+`","currency":"INR","total":"1"}`)
	c.record(by, newKey(), `{"kind":"refund","currency":"INR","total":"1","customer_id":"C-1001"}`)
	c.record(by, newKey(), `{"currency":"INR","total":"1254.50","lines":[{"type":"tip","amount":"5"},{"name":"Assam tea","quantity":"2","unit_price":"624.75",
		"discount":"0","tax_included":true,"taxes":[{"name":"CGST","rate":"9","amount":"95.30"}],"amount":"1249.50"}],
		"tenders":[{"type":"cash","amount":"1254.50","tendered":"1255","change":"0.50","reference":"drawer 2"}],"occurred_at":"2026-11-22T10:15:30+05:30",
		"terminal_seq":1042,"offline":true,"external_ref":"INV-42","note":"gift wrap","reason":"","metadata":{"table":"7"}}`)
	for _, bad := range []string{
		`{"currency":"INR","total":"1","total":"1"}`, `{"currency":"INR","total":"-1"}`, `{"currency":"INR","total":"1","lines":[{"quantity":"1","unit_price":"2"}]}`,
		`{"currency":"INR","total":"10000","customer_id":"C-1001","redeem_points":9999}`,
		`{"kind":"refund","refund_of":"` + sold.SaleID + `","currency":"INR","total":"900"}`,
		`{"kind":"refund","refund_of_key":"` + newKey() + `","currency":"INR","total":"1"}`, `{"currency":"INR","total":"1","terminal_seq":1042}`,
		`{"currency":"INR","total":"1","customer_id":"` + strings.Repeat("x", 256<<10) + `"}`,
	} {
		c.record(by, newKey(), bad)
	}
	c.record(by, key, `{"currency":"INR","total":"2"}`)
	c.record(by, "x", tea)
	c.call(by, callRecord, "/record", tea)
	c.call(by, callBatch, "/record/batch", `[{"record":`+tea+`}]`)
	c.call(by, callBatch, "/record/batch", `[`)
	c.call(by, callBatch, "/record/batch", `{}`)
	c.call(by, callBatch, "/record/batch", `[]`+strings.Repeat(" ", 4<<20))
	for _, call := range []string{callRecord, callBatch} {
		c.call(by, call, strings.TrimPrefix(call, "POST "), tea, "Content-Type", "text/plain")
	}
	eventually(c.t, "a key that is being processed is refused by both calls", func() error { // a Redis that is slow is not used
		claimed := newKey()
		shop.claim("t1", claimed, time.Minute)
		waiting := make(chan reply, 1)
		go func() { waiting <- by.do("POST", "/record", tea, "Idempotency-Key", claimed) }()
		c.call(by, callBatch, "/record/batch", "["+entry(claimed, tea)+"]") // hangs on the record, unless it comes before it
		<-waiting
		claimed = newKey()
		shop.claim("t1", claimed, time.Minute)
		c.call(by, callRecord, "/record", tea, "Idempotency-Key", claimed)
		for at := range c.declared {
			if strings.HasSuffix(at, " REQUEST_IN_FLIGHT") && !c.seen[at] {
				return errors.New(at)
			}
		}
		return nil
	})
	shop.flushRedis()
	return sold
}

// reads asks for all that can be read, without a ledger and with one.
func (c *clerk) reads(shop *shop, sold answer) {
	by, sale := shop.till, "/sales/"+sold.SaleID
	receipt := sold.ReceiptURL
	nobody := &till{t: c.t, url: by.url}
	c.call(by, callSale, sale, "")
	page := read[salesPage](c.t, c.call(by, callSales, "/sales?limit=1", ""))
	for _, query := range []string{
		"", "external_ref=INV-42", "terminal_id=t1&from=2026-11-22T00:00:00Z&to=9999-11-22T00:00:00Z", "limit=1&cursor=" + *page.NextCursor,
	} {
		for _, one := range read[salesPage](c.t, c.call(by, callSales, "/sales?"+query, "")).Sales {
			c.call(by, callSale, "/sales/"+read[answer](c.t, reply{Body: one}).SaleID, "") // refunds too
		}
	}
	c.call(by, callSales, "/sales?from=today", "")
	c.call(by, callProof, sale+"/proof", "")
	c.receipt(nobody, receipt)
	c.call(nobody, callKeys, "/.well-known/jwks.json", "")
	c.call(nobody, callLog, "/log", "")
	c.call(nobody, callEntry, "/log/3?size=5", "")
	mined := false
	stop, err := provingLedger(shop, func() bool { return mined })
	require.NoError(c.t, err)
	defer stop()
	c.call(by, callSale, sale, "")
	c.call(by, callProof, sale+"/proof", "")
	c.receipt(nobody, receipt)
	mined = true
	require.Equal(c.t, 200, c.call(by, callProof, sale+"/proof", "").Status)
	for query, status := range map[string]int{
		"": 200, "?size=0": 200, "?size=12": 200, "?size=16": 404, "?size=x": 400, "?contract=" + logged.Contract: 200, "?contract=0x": 400,
	} {
		require.Equal(c.t, status, c.call(nobody, callLog, "/log"+query, "").Status, query)
	}
	for path, status := range map[string]int{
		"/log/1": 200, "/log/1?size=1": 200, "/log/14": 200, "/log/3?size=2": 404, "/log/16": 409, "/log/17": 404, "/log/x": 400,
	} {
		require.Equal(c.t, status, c.call(nobody, callEntry, path, "").Status, path)
	}
	c.receipt(nobody, receipt)
	c.call(by, callClose, "/closings", "", "Idempotency-Key", newKey())
	key := newKey()
	for range 2 {
		require.Equal(c.t, 201, c.call(by, callClose, "/closings", "{}", "Idempotency-Key", key).Status)
	}
	c.call(by, callClose, "/closings", "")
	c.call(by, callClose, "/closings", "", "Idempotency-Key", "x")
	c.call(by, callClose, "/closings", "7", "Idempotency-Key", newKey())
	c.call(by, callClose, "/closings", `{"x":1}`, "Idempotency-Key", newKey())
	c.call(by, callClose, "/closings", "{}"+strings.Repeat(" ", 2<<10), "Idempotency-Key", newKey())
	c.call(by, callClose, "/closings", "{}", "Idempotency-Key", newKey(), "Content-Type", "text/plain")
	c.call(by, callClosed, "/closings?limit=1", "")
	c.call(by, callClosed, "/closings?limit=x", "")
	c.call(by, callClosing, "/closings/1", "")
	c.call(by, callClosing, "/closings/9?terminal_id=t1", "")
	c.call(by, callClosing, "/closings/9?terminal_id=T", "")
	c.call(by, callLoyalty, "/customers/C-1001/loyalty", "")
	c.call(by, callRules, "/loyalty/rules", "")
	c.call(by, callRates, "/currencies", "")
	c.call(by, callEntries, "/customers/C-1001/loyalty/entries?limit=2", "")
	entries := read[entriesPage](c.t, c.call(shop.newTill("s2", "t2"), callEntries, "/customers/C-1001/loyalty/entries?limit=2", ""))
	require.Empty(c.t, entries.Entries[0].SaleID)
	c.call(by, callEntries, "/customers/C-1001/loyalty/entries?limit=2&cursor="+*entries.NextCursor, "")
	c.call(by, callEntries, "/customers/C-1001/loyalty/entries?cursor=x", "")
	c.call(by, callLanded, "/idempotency/x", "")
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json"} {
		c.call(&till{t: c.t, url: by.url}, "GET "+path, path, "")
	}
}

// altered has the owner of the database change what no service may.
func (c *clerk) altered(shop *shop) {
	by, key := shop.newTill("s1", "t9"), newKey()
	const buys = `{"currency":"INR","total":"10","customer_id":"C-9"}`
	_, sold := by.sell(key, buys)
	shop.exec("UPDATE sales.sale SET total = '1.00' WHERE sale_id = $1", sold.SaleID)
	shop.exec("UPDATE sales.loyalty_account SET points_balance = 99999 WHERE customer_id = 'C-9'")
	c.call(by, callSale, "/sales/"+sold.SaleID, "")
	c.call(by, callSales, "/sales?terminal_id=t9", "")
	c.receipt(&till{t: c.t, url: by.url}, sold.ReceiptURL)
	c.call(by, callLanded, "/idempotency/"+key, "")
	c.record(by, newKey(), buys)
	c.call(by, callBatch, "/record/batch", "["+entry(newKey(), buys)+"]")
	c.call(by, callLoyalty, "/customers/C-9/loyalty", "")
	c.call(by, callEntries, "/customers/C-9/loyalty/entries", "")
	c.call(by, callClose, "/closings", "", "Idempotency-Key", newKey())
	shop.exec("UPDATE sales.sale SET answer = 'x' WHERE sale_id = $1", sold.SaleID)
	c.call(by, callSale, "/sales/"+sold.SaleID, "")
	_, intact := by.sell(newKey(), `{"currency":"INR","total":"10"}`)
	for _, code := range []string{event.CodeAltered, event.CodeParked} {
		stop, err := shop.bus.Serve(c.t.Context(), "stands in for the ledger",
			stream.Answers(stream.Endpoint{Subject: event.SubjectProofsGet}, func(context.Context, event.SaleQuery) (event.Proof, error) {
				return event.Proof{}, stream.Coded(code, fault.New(fault.Conflict, "the sale is parked until an operator acts: no tier has a rate for JPY"))
			}))
		require.NoError(c.t, err)
		r := c.call(by, callProof, "/sales/"+sold.SaleID+"/proof", "")
		c.call(by, callHeld, strings.Replace(intact.ReceiptURL, "?", "/proof?", 1), "")
		stop()
		require.Contains(c.t, string(r.Body), code)
		require.Empty(c.t, r.Header.Get("Retry-After"))
	}
}

// forTerminals are the calls that need a key, with something to ask for that is not there.
func forTerminals() map[string]string {
	id := "01a204b4-353d-73e7-85c4-7892690c578a"
	return map[string]string{
		callRecord: "/record", callBatch: "/record/batch", callLanded: "/idempotency/" + newKey(), callSales: "/sales", callSale: "/sales/" + id,
		callProof: "/sales/" + id + "/proof", callRules: "/loyalty/rules", callRates: "/currencies",
		callLoyalty: "/customers/nobody/loyalty", callEntries: "/customers/nobody/loyalty/entries",
		callClose: "/closings", callClosed: "/closings", callClosing: "/closings/99",
	}
}

// strangers are callers without a right, that ask for what does not exist, ask too often, or don't speak HTTP.
func (c *clerk) strangers(shop *shop, sold answer) {
	ask := func(by *till, call, path string, headers ...string) reply {
		body := ""
		switch call {
		case callRecord:
			body, headers = tea, append(headers, "Idempotency-Key", newKey())
		case callBatch:
			body = "[" + entry(newKey(), tea) + "]"
		case callClose:
			headers = append(headers, "Idempotency-Key", newKey())
		}
		return c.call(by, call, path, body, headers...)
	}
	suspended := shop.newTill("s1", "t3")
	shop.must("suspend", `{"terminal_id":"t3"}`)
	away := shop.till.at(shop.addGateway(func(g *gateway.Config) {
		g.DBURL, g.RedisURL = "postgres://gateway@127.0.0.1:1/x", "redis://127.0.0.1:1"
	}))
	slow := shop.newTill("s1", "t4").at(shop.addGateway(func(g *gateway.Config) { g.TerminalRate = 1 }))
	var many []string
	for range 5 {
		many = append(many, entry(newKey(), tea))
	}
	c.call(slow, callBatch, "/record/batch", "["+strings.Join(many, ",")+"]") // two at once are let through
	for call, path := range forTerminals() {
		require.Equal(c.t, 401, ask(&till{t: c.t, url: shop.till.url}, call, path).Status)
		require.Equal(c.t, 403, ask(suspended, call, path).Status)
		require.Equal(c.t, 503, ask(away, call, path).Status)
		require.Equal(c.t, 400, ask(shop.till, call, path, "X-Big", strings.Repeat("x", 20<<10)).Status)
		eventually(c.t, "the rate is used up", func() error {
			if r := ask(slow, call, path); r.Status != 429 {
				return fmt.Errorf("%d", r.Status)
			}
			return nil
		})
		if strings.HasPrefix(call, "GET") && !slices.Contains([]string{callClosed, callSales, callRules, callRates}, call) {
			require.Equal(c.t, 404, ask(shop.till, call, path).Status)
		}
	}
	nobody := &till{t: c.t, url: shop.till.url}
	for _, call := range []string{"GET /healthz", "GET /readyz", "GET /openapi.json"} {
		c.call(nobody, call, strings.TrimPrefix(call, "GET "), "", "X-Big", strings.Repeat("x", 20<<10))
	}
	c.call(&till{t: c.t, url: away.url}, "GET /readyz", "/readyz", "")
	status, proof := strings.Replace(sold.ReceiptURL, "?", "/status?", 1), strings.Replace(sold.ReceiptURL, "?", "/proof?", 1)
	held := map[string]string{callReceipt: sold.ReceiptURL, callStatus: status, callHeld: proof}
	for call, path := range held {
		c.call(&till{t: c.t, url: away.url}, call, path, "")
		c.call(nobody, call, path+"x", "")
		c.call(nobody, call, path, "", "X-Big", strings.Repeat("x", 20<<10))
	}
	c.call(nobody, callAsset, "/assets/x", "", "X-Big", strings.Repeat("x", 20<<10))
	c.call(&till{t: c.t, url: away.url}, callKeys, "/.well-known/jwks.json", "")
	c.call(nobody, callKeys, "/.well-known/jwks.json", "", "X-Big", strings.Repeat("x", 20<<10))
	public := map[string]string{callKeys: "/.well-known/jwks.json", callLog: "/log", callEntry: "/log/1"}
	maps.Copy(public, held)
	public[callAsset] = "/assets/x"
	for call, path := range public {
		eventually(c.t, "more is asked for than everybody is shown", func() error {
			for _, r := range together(64, func(int) reply { return must(nobody.try("GET", path, "", "Authorization", "")) }) {
				if r.Status == 429 {
					c.call(nobody, call, path, "")
				}
			}
			if !c.seen[call+" 429 RATE_LIMITED"] {
				return fmt.Errorf("not yet %s", call)
			}
			return nil
		})
	}
}

// troubles are a Postgres that can't keep up and one that is lost at a COMMIT.
func (c *clerk) troubles(shop *shop) {
	release := shop.lockAccounts()
	send := func(call string) []reply {
		return together(40, func(int) reply {
			if call == callRecord {
				return must(shop.till.try("POST", "/record", tea, "Idempotency-Key", newKey()))
			}
			return must(shop.till.try("POST", "/record/batch", "["+entry(newKey(), tea)+"]"))
		})
	}
	eventually(c.t, "records are shed, alone, in a batch and with their batch", func() error {
		for _, call := range []string{callBatch, callRecord} { // batches first: they take the slots until records are refused
			for _, r := range send(call) {
				c.note(call, r)
			}
		}
		for _, at := range []string{callRecord + " 503 OVERLOADED", callBatch + " 503 OVERLOADED", items + " OVERLOADED", items + " STORE_UNAVAILABLE"} {
			if !c.seen[at] {
				return fmt.Errorf("not yet %s", at)
			}
		}
		return nil
	})
	release()
	for _, call := range []string{callRecord, callBatch, callClose} {
		cut, through := newCutter(c.t, shop.db.Gateway)
		if call == callClose {
			cut.at = []byte("INSERT INTO sales.closing")
		}
		g := shop.addGateway(func(g *gateway.Config) { g.DBURL = config.Secret(through) })
		cut.shut.Store(true)
		cut.cut.Store(1)
		switch call {
		case callRecord:
			c.call(shop.till.at(g), call, "/record", tea, "Idempotency-Key", newKey())
		case callBatch:
			c.call(shop.till.at(g), call, "/record/batch", "["+entry(newKey(), tea)+"]")
		case callClose:
			c.call(shop.till.at(g), call, "/closings", "", "Idempotency-Key", newKey())
		}
	}
	c.crowd(shop)
}
