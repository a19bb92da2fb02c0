// Package feedtest plays the public sources for tests: their documented paths and shapes on one local server, and every way in
// which they are known to misbehave.
package feedtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Sources are those that it plays.
var Sources = []string{"coindcx", "coingecko", "wazirx"}

// Market is the server. It is safe for concurrent use.
type Market struct {
	server *httptest.Server
	now    func() time.Time

	mu     sync.Mutex
	price  map[string]string
	fault  map[string]Fault
	asked  map[string]int
	header map[string]http.Header
}

// Fault is a way to misbehave: it answers instead of the source. well is the right answer's body.
type Fault func(w http.ResponseWriter, r *http.Request, well string)

// Open starts a market where an ETH costs price rupees at every source, as of now.
func Open(price string, now func() time.Time) *Market {
	m := &Market{now: now, price: map[string]string{}, fault: map[string]Fault{}, asked: map[string]int{}, header: map[string]http.Header{}}
	for _, source := range Sources {
		m.price[source] = price
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v3/simple/price", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("ids") != "ethereum" || q.Get("precision") != "full" || q.Get("include_last_updated_at") != "true" {
			http.Error(w, "not as documented", http.StatusBadRequest)
			return
		}
		m.answer("coingecko", w, r)
	})
	mux.HandleFunc("GET /exchange/ticker", func(w http.ResponseWriter, r *http.Request) { m.answer("coindcx", w, r) })
	mux.HandleFunc("GET /sapi/v1/ticker/24hr", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("symbol") != "ethinr" {
			http.Error(w, `{"code":2065,"message":"Invalid market."}`, http.StatusBadRequest)
			return
		}
		m.answer("wazirx", w, r)
	})
	m.server = httptest.NewServer(mux)
	return m
}

// URL is the base URL of every source.
func (m *Market) URL() string { return m.server.URL }

// Close ends the server, and with it what still waits for an answer.
func (m *Market) Close() {
	m.server.CloseClientConnections()
	m.server.Close()
}

// Price sets what sources answer, all of them when none is named, and ends their misbehaviour.
func (m *Market) Price(price string, sources ...string) {
	m.each(sources, func(source string) { m.price[source], m.fault[source] = price, nil })
}

// Fail makes sources misbehave, all of them when none is named, until Price is called.
func (m *Market) Fail(fault Fault, sources ...string) {
	m.each(sources, func(source string) { m.fault[source] = fault })
}

func (m *Market) each(sources []string, do func(source string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(sources) == 0 {
		sources = Sources
	}
	for _, source := range sources {
		do(source)
	}
}

// Asked is how often a source was asked, and the headers of the last time.
func (m *Market) Asked(source string) (int, http.Header) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[source], m.header[source]
}

func (m *Market) answer(source string, w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.asked[source]++
	m.header[source] = r.Header.Clone()
	fault, well := m.fault[source], Body(source, m.price[source], m.now())
	m.mu.Unlock()
	if fault != nil {
		fault(w, r, well)
		return
	}
	write(w, well)
}

func write(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(body)) // a client that is gone reads no more
}

// Body is a source's answer in its documented shape.
func Body(source, price string, at time.Time) string {
	switch source {
	case "coingecko":
		return fmt.Sprintf(`{"ethereum":{"inr":%s,"last_updated_at":%d}}`, price, at.Unix())
	case "coindcx":
		return fmt.Sprintf(`[{"market":"BTCINR","change_24_hour":"-1.621","high":"9000000.0","low":"8900000.0","volume":"12.5","last_price":"8950000.00",`+
			`"bid":"8949000.00","ask":"8951000.00","timestamp":%[2]d},{"market":"ETHINR","change_24_hour":"0.4","high":"260000.0","low":"240000.0",`+
			`"volume":"40.1","last_price":%[1]q,"bid":%[1]q,"ask":%[1]q,"timestamp":%[2]d}]`, price, at.Unix())
	default:
		return fmt.Sprintf(`{"symbol":"ethinr","baseAsset":"eth","quoteAsset":"inr","openPrice":"250000","lowPrice":"240000.0","highPrice":"260000.0",`+
			`"lastPrice":%[1]q,"volume":"10.2","bidPrice":%[1]q,"askPrice":%[1]q,"at":%[2]d}`, price, at.UnixMilli())
	}
}

// Slow never answers.
func Slow(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }

// Status answers a status, with Retry-After when that is not empty.
func Status(status int, retryAfter string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		http.Error(w, "no", status)
	}
}

// Says answers a body with 200: a page, half a body, NaN.
func Says(body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ string) { write(w, body) }
}

// Truncated breaks off in the middle.
func Truncated(w http.ResponseWriter, _ *http.Request, well string) {
	w.Header().Set("Content-Length", fmt.Sprint(len(well)))
	write(w, well[:len(well)/2])
}

// Huge answers more than may be read.
func Huge(w http.ResponseWriter, _ *http.Request, well string) {
	blanks := strings.Repeat(" ", 1<<20)
	for range 8 {
		write(w, blanks)
	}
	write(w, well)
}

// Elsewhere redirects to a URL.
func Elsewhere(url string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ string) { http.Redirect(w, r, url, http.StatusFound) }
}
