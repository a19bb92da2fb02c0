package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

// logLedger offers the log, and nothing else.
func logLedger(s *shop, answer func(context.Context, event.LogQuery) (event.LogAnswer, error)) (stop func()) {
	s.t.Helper()
	stop, err := s.bus.Serve(context.Background(), "stands in for the ledger", stream.Answers(stream.Endpoint{Subject: event.SubjectLogGet}, answer))
	require.NoError(s.t, err)
	return stop
}

// nobody is a caller without a key.
func (s *shop) nobody() *till { return &till{t: s.t, url: s.gates[0].url} }

const chainJSON = `"chain":{"chain_id":"1337","contract":"0x5FbDB2315678afecb367f032d93F642f64180aa3","deployed_block":"5"}}`

func TestTheLogIsShownToEverybodyAsTheContractSays(t *testing.T) {
	shop := setup(t)
	defer logLedger(shop, answerLog)()
	root := func(n uint64) string { return rootOf(n).Hex() }
	head := func(size uint64) string {
		return fmt.Sprintf(`{"size":"%d","root":"%s",`, size, root(size)) + chainJSON
	}
	entry := func(id, size uint64, more, path string) string {
		return fmt.Sprintf(`{"batch":{"id":"%d","root":"%s","size":"873"%s},"log":{"size":"%d","root":"%s","path":[%s]},`,
			id, root(100+id), more, size, root(size), path) + chainJSON
	}
	siblings := `"` + root(200) + `","` + root(201) + `"`
	const present, fixed = "public, max-age=5", "public, max-age=86400, immutable"
	lower := strings.ToLower(logged.Contract)
	for path, want := range map[string]struct{ body, cache string }{
		"/log":         {head(15), present},
		"/log?size=":   {head(15), present},
		"/log?size=15": {head(15), present},
		"/log?size=13": {head(13), present},
		"/log?size=12": {head(12), fixed},
		"/log?size=0":  {`{"size":"0","root":"0x` + strings.Repeat("0", 64) + `",` + chainJSON, present},
		"/log?contract=" + logged.Contract + "&size=1": {head(1), fixed},
		"/log?contract=" + lower:                       {head(15), present},
		"/log/1":                                       {entry(1, 15, "", siblings), present},
		"/log/1?size=1":                                {entry(1, 1, "", ""), fixed},
		"/log/1?size=2":                                {entry(1, 2, "", siblings), fixed},
		"/log/%31":                                     {entry(1, 15, "", siblings), present},
		"/log/13":                                      {entry(13, 15, "", siblings), present},
		"/log/14":                                      {entry(14, 15, `,"foreign":true`, siblings), present},
		"/log/12?size=12&contract=" + lower:            {entry(12, 12, "", siblings), fixed},
		"/log/12?contract=" + logged.Contract + "&size=13": {entry(12, 13, "", siblings), present},
	} {
		for _, by := range []*till{shop.nobody(), shop.till} {
			r := by.do(http.MethodGet, path, "")
			require.Equal(t, 200, r.Status, "%s: %s", path, r.Body)
			require.Equal(t, want.body, string(r.Body), path)
			require.Equal(t, []string{want.cache}, r.Header.Values("Cache-Control"), path)
			require.Equal(t, "application/json", r.Header.Get("Content-Type"))
			require.NotEmpty(t, r.Header.Get("X-Request-Id"))
		}
		r := shop.nobody().do(http.MethodHead, path, "")
		require.Equal(t, 200, r.Status)
		require.Empty(t, r.Body)
		require.Equal(t, want.cache, r.Header.Get("Cache-Control"))
	}
}

func TestWhatTheLogDoesNotHaveIsRefused(t *testing.T) {
	shop := setup(t)
	defer logLedger(shop, answerLog)()
	check := func(path string, status int, code refusal.Code) {
		t.Helper()
		r := shop.nobody().do(http.MethodGet, path, "")
		refuses(t, r, status, code)
		require.Equal(t, "no-store", r.Header.Get("Cache-Control"), path)
		require.Equal(t, status == 409, r.Header.Get("Retry-After") != "", path)
	}
	for _, number := range []string{"x", "-1", "01", "1.0", "%201", "0x1", "%00", "18446744073709551616", "1,2"} {
		check("/log?size="+number, 400, refusal.BadRequest)
		check("/log/1?size="+number, 400, refusal.BadRequest)
		check("/log/"+number, 400, refusal.BadRequest)
	}
	odd, err := shop.nobody().request(http.MethodGet, "/log/x", "")
	require.NoError(t, err)
	odd.URL.Opaque = "/log/%zz" // which Go's own client would not send
	refuses(t, shop.nobody().send(odd), 400, refusal.BadRequest)
	for _, contract := range []string{"0x", "x", logged.Contract[2:], strings.ToUpper(logged.Contract), strings.Replace(logged.Contract, "F", "f", 1)} {
		check("/log?contract="+contract, 400, refusal.BadRequest)
		check("/log/1?contract="+contract, 400, refusal.BadRequest)
	}
	other := common.Address{9}.Hex()
	for _, path := range []string{
		"/log?size=16", "/log?size=18446744073709551615", "/log?contract=" + other, "/log/1?contract=" + other, "/log/0", "/log/3?size=2", "/log/3?size=16",
		"/log/17", "/log/18446744073709551615", "/log/", "/log/1/2",
	} {
		check(path, 404, refusal.NotFound)
	}
	check("/log/16", 409, refusal.NotAnchoredYet)
	for _, path := range []string{"/log", "/log/1"} {
		r := shop.nobody().do(http.MethodDelete, path, "")
		refuses(t, r, 405, refusal.MethodNotAllowed)
		require.Equal(t, "GET, HEAD", r.Header.Get("Allow"))
	}
}

func TestWithoutTheLedgerTheLogIsNotShown(t *testing.T) {
	shop := setup(t)
	away := func() {
		t.Helper()
		for _, path := range []string{"/log", "/log/1"} {
			r := shop.nobody().do(http.MethodGet, path, "")
			refuses(t, r, 503, refusal.LedgerAway)
			require.Equal(t, "1", r.Header.Get("Retry-After"))
			require.Equal(t, "no-store", r.Header.Get("Cache-Control"))
		}
	}
	away()
	stop := logLedger(shop, func(context.Context, event.LogQuery) (event.LogAnswer, error) {
		return event.LogAnswer{}, fault.New(fault.Fatal, "the journal was altered")
	})
	away()
	stop()
	stop = logLedger(shop, answerLog)
	require.Equal(t, 200, shop.nobody().do(http.MethodGet, "/log", "").Status)
	stop()
	shop.nats.Stop()
	away()
}

func TestBrowsersOfTheAllowedOriginsReadTheLog(t *testing.T) {
	shop := setup(t, func(c *gateway.Config) { c.AllowedOrigins = []string{"https://till.example"} })
	defer logLedger(shop, answerLog)()
	r := shop.nobody().do(http.MethodGet, "/log/1?size=2", "", "Origin", "https://till.example")
	require.Equal(t, "https://till.example", r.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", r.Header.Get("Vary"), "a cache keeps one answer for each origin")
	r = shop.nobody().do(http.MethodGet, "/log/1?size=2", "", "Origin", "https://evil.example")
	require.Empty(t, r.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", r.Header.Get("Vary"))
}

// Whoever asks for the log without end keeps neither tills nor shoppers waiting.
func TestTheLogTakesNoRoomFromTills(t *testing.T) {
	shop := setup(t)
	defer logLedger(shop, answerLog)()
	_, sold := shop.till.sell(newKey(), tea)
	eventually(t, "more is asked for than everybody is shown", func() error {
		for _, r := range together(64, func(int) reply { return must(shop.nobody().try(http.MethodGet, "/log", "")) }) {
			if r.Status == http.StatusTooManyRequests {
				refuses(t, r, 429, refusal.RateLimited)
				require.Equal(t, "1", r.Header.Get("Retry-After"))
				return nil
			}
		}
		return fmt.Errorf("not yet")
	})
	for range 5 {
		shop.till.sell(newKey(), tea)
	}
	require.Equal(t, 200, shop.nobody().do(http.MethodGet, sold.ReceiptURL, "").Status)
	eventually(t, "the log is shown again", func() error {
		if r := shop.nobody().do(http.MethodGet, "/log/1", ""); r.Status != 200 {
			return fmt.Errorf("%d", r.Status)
		}
		return nil
	})
}

func TestTheDocumentKnowsAnEntryFromItsNearMisses(t *testing.T) {
	text, err := os.ReadFile("internal/api/openapi.json")
	require.NoError(t, err)
	d, err := readDocument(text)
	require.NoError(t, err)
	good := `{"batch":{"id":"12","root":"` + rootOf(1).Hex() + `","size":"1"},"log":{"size":"15","root":"` + rootOf(2).Hex() + `","path":[]},` + chainJSON
	answer := func(body string) error {
		return d.answered(callEntry, reply{200, http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"request-1"}}, []byte(body)})
	}
	require.NoError(t, answer(good))
	require.NoError(t, answer(strings.Replace(good, `"size":"1"`, `"size":"1","foreign":true`, 1)))
	for _, bad := range [][2]string{
		{`"size":"1"`, `"size":"1","foreign":false`},
		{`"size":"1"`, `"size":1`},
		{`"path":[]`, `"path":null`},
		{`,"path":[]`, ``},
		{`"path":[]`, `"path":["0x"]`},
		{`"deployed_block":"5"`, `"deployed_block":"05"`},
		{`,"deployed_block":"5"`, ``},
		{`"chain"`, `"more":1,"chain"`},
		{`"id":"12",`, ``},
	} {
		require.Error(t, answer(strings.Replace(good, bad[0], bad[1], 1)), bad[1])
	}
	ask := func(target string) error { return d.asked(callEntry, httptest.NewRequest(http.MethodGet, target, nil)) }
	require.NoError(t, ask("/log/12?size=15&contract="+logged.Contract))
	for _, bad := range []string{"/log/x", "/log/012", "/log/12?size=-1", "/log/12?contract=0x", "/log/12?more=1"} {
		require.Error(t, ask(bad), bad)
	}
}
