package gateway_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// clerk drives a gateway over HTTP and holds each request and each answer against the document that this gateway serves.
type clerk struct {
	t        *testing.T
	document *document
	declared map[string]bool // "POST /record 404 NOT_FOUND", "GET /healthz 200"
	seen     map[string]bool
}

// items stands for the records of a batch, beside the calls.
const items = "POST /record/batch items"

// beyondReach are codes that only a bug of ours, or any path, answers.
var beyondReach = []string{"INTERNAL"}

func newClerk(t *testing.T, g *gate) *clerk {
	t.Helper()
	text := (&till{t: t, url: g.url}).do("GET", "/openapi.json", "", "Authorization", "")
	require.Equal(t, 200, text.Status)
	d, err := readDocument(text.Body)
	require.NoError(t, err)
	return &clerk{t, d, d.everyAnswer(), map[string]bool{}}
}

// everyAnswer lists what the document promises.
func (d *document) everyAnswer() map[string]bool {
	all := make(map[string]bool)
	for _, code := range d.Components.Schemas.BatchProblem.codes() {
		all[items+" "+code] = true
	}
	for path, methods := range d.Paths {
		for method, o := range methods {
			for status := range o.Responses {
				_, r, _ := d.response(path, method, status)
				at := strings.ToUpper(method) + " " + path + " " + status
				codes := r.Content["application/problem+json"].Schema.codes()
				for _, code := range codes {
					all[at+" "+code] = true
				}
				if len(codes) == 0 {
					all[at] = true
				}
			}
		}
	}
	return all
}

// call sends a request that belongs to a call of the document, such as GET /sales/{id}. What is answered must be what the document
// says; what is accepted must have been asked as it says.
func (c *clerk) call(by *till, call, path, body string, headers ...string) reply {
	c.t.Helper()
	method, _, _ := strings.Cut(call, " ")
	request := func() *http.Request {
		req, err := by.request(method, path, body, headers...)
		require.NoError(c.t, err)
		return req
	}
	r, err := exchange(request())
	require.NoError(c.t, err)
	c.note(call, r)
	require.NoError(c.t, c.document.answered(call, r), "%s %s: %s", call, path, short(r.Body))
	if accepted(c.t, call, r) {
		require.NoError(c.t, c.document.asked(call, request()), "%s %s: %s", call, path, short([]byte(body)))
	}
	return r
}

// accepted reports whether nothing of the request was refused.
func accepted(t *testing.T, call string, r reply) bool {
	t.Helper()
	if call != callBatch || r.Status != http.StatusOK {
		return r.Status < http.StatusBadRequest
	}
	return !slices.ContainsFunc(read[[]landed](t, r), func(one landed) bool { return one.Status != http.StatusCreated })
}

func (c *clerk) note(call string, r reply) {
	c.t.Helper()
	at := fmt.Sprintf("%s %d", call, r.Status)
	if r.Status >= http.StatusBadRequest {
		at += " " + string(read[struct{ Code refusal.Code }](c.t, r).Code)
	}
	require.True(c.t, c.declared[at], "the document does not have %s: %s", at, r.Body)
	c.seen[at] = true
	if call == "POST /record/batch" && r.Status == http.StatusOK {
		for _, one := range read[[]landed](c.t, r) {
			if one.Status != http.StatusCreated {
				c.seen[items+" "+string(one.code(c.t))] = true
			}
		}
	}
}

func short(text []byte) []byte { return text[:min(len(text), 2000)] }

const (
	callRecord  = "POST /record"
	callBatch   = "POST /record/batch"
	callLanded  = "GET /idempotency/{key}"
	callSales   = "GET /sales"
	callSale    = "GET /sales/{id}"
	callProof   = "GET /sales/{id}/proof"
	callLoyalty = "GET /customers/{id}/loyalty"
	callRules   = "GET /loyalty/rules"
	callRates   = "GET /currencies"
	callEntries = "GET /customers/{id}/loyalty/entries"
	callReceipt = "GET /receipts/{id}"
	callStatus  = "GET /receipts/{id}/status"
	callHeld    = "GET /receipts/{id}/proof"
	callAsset   = "GET /assets/{name}"
	callClose   = "POST /closings"
	callClosed  = "GET /closings"
	callClosing = "GET /closings/{n}"
	callKeys    = "GET /.well-known/jwks.json"
	callLog     = "GET /log"
	callEntry   = "GET /log/{batch_id}"
)

// record posts one, alone and in a batch.
func (c *clerk) record(by *till, key, body string) {
	c.t.Helper()
	c.call(by, callRecord, "/record", body, "Idempotency-Key", key)
	c.call(by, callBatch, "/record/batch", "["+entry(key, body)+"]")
}

// receipt asks for all that a receipt's holder may.
func (c *clerk) receipt(by *till, url string) {
	page := c.call(by, callReceipt, url, "")
	c.call(by, callReceipt, url+"&node=https://rpc.example", "")
	c.call(by, callReceipt, url+"&node=rpc.example", "")
	c.call(by, callStatus, strings.Replace(url, "?", "/status?", 1), "")
	c.call(by, callHeld, strings.Replace(url, "?", "/proof?", 1), "")
	for _, part := range regexp.MustCompile(`/assets/[^"]+`).FindAllString(string(page.Body), -1) {
		require.Equal(c.t, 200, c.call(by, callAsset, part, "").Status, part)
	}
	c.call(by, callAsset, "/assets/receipt.js", "")
}

// crowd has more tills closed at once than a gateway closes.
func (c *clerk) crowd(shop *shop) {
	h := newHold()
	by := shop.till.at(shop.addGateway(h.configure))
	closed := make(chan reply, 2)
	for range cap(closed) {
		go func() { closed <- by.askToClose(newKey()) }()
		<-h.reached
	}
	c.call(by, callClose, "/closings", "", "Idempotency-Key", newKey())
	close(h.letGo)
	<-closed
	<-closed
}
