package feed_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing/internal/feed/feedtest"
	"github.com/tillseal/tillseal/services/pricing/internal/quote"
)

// location answers a redirect with exactly this Location, which http.Redirect would correct.
func location(value string) feedtest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header()["Location"] = []string{value}
		w.WriteHeader(http.StatusFound)
	}
}

func TestAnOddAnswerLeavesAShortError(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		fault  feedtest.Fault
		says   string
	}{
		"one market many times": {
			"coindcx", feedtest.Says("[" + strings.Repeat(`{"market":"ETHINR"},`, 9_000) + `{"market":"ETHINR"}]`),
			"INR: the price must be a plain positive decimal number without leading zeros, at most 30 digits on either side of the point; 9000 more prices were refused",
		},
		"no end of markets":   {"coindcx", feedtest.Says("[" + strings.Repeat(`{},`, 300_000) + `{}]`), "the answer lists more than 10000 markets"},
		"a long answer":       {"coindcx", feedtest.Says("[" + strings.Repeat(`{"market":"ETHINR"},`, 60_000) + `{}]`), "its answer is longer than 1048576 bytes"},
		"a long small answer": {"coingecko", feedtest.Says(`{"ethereum":{"inr":1` + strings.Repeat(" ", 64<<10) + "}}"), "its answer is longer than 65536 bytes"},
		"a long ticker":       {"wazirx", feedtest.Says(`{"symbol":"ethinr"` + strings.Repeat(" ", 64<<10) + "}"), "its answer is longer than 65536 bytes"},
		"no URL to go to":     {"wazirx", location("http://[" + secret), "ask it: it redirects to an invalid URL"},
		"a long URL":          {"wazirx", location("http://[" + strings.Repeat("x", 2<<20)), "response headers exceeded 65536 bytes"},
		"a long header":       {"wazirx", location("/" + strings.Repeat("x", 2<<20)), "response headers exceeded 65536 bytes"},
		"an entry of its own": {"coindcx", feedtest.Says(`[7,null,{"market":"ETHINR","last_price":"1"`), "the answer is not in the source's format"},
		"more after the end":  {"coindcx", feedtest.Says(`[] []`), "the answer is not in the source's format"},
		"an object":           {"coindcx", feedtest.Says(`{"market":"ETHINR"}`), "the answer is not in the source's format"},
		"a price of odd shape": {
			"coingecko", feedtest.Says(`{"ethereum":{"inr":["1"],"last_updated_at":1795348800}}`),
			"INR: the answer is not in the source's format",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := setup(t, c.source)
			e.market.Fail(c.fault)
			e.poll()
			s := e.state(c.source)
			require.True(t, s.Failing())
			require.LessOrEqual(t, len(s.LastError), 300)
			require.Contains(t, s.LastError, c.says)
			require.NotContains(t, s.LastError, secret)
		})
	}
}

func TestAnErrorThatQuotesAnAnswerIsCut(t *testing.T) {
	e := setup(t, "wazirx")
	e.market.Fail(func(w http.ResponseWriter, _ *http.Request, _ string) {
		conn, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Fprintf(out, "HTTP/1.1 200 OK\r\n%s\r\n\r\n", strings.Repeat("é", 10_000)) // no header at all
		_ = out.Flush()
		_ = conn.Close()
	})
	e.poll()
	s := e.state("wazirx")
	require.True(t, s.Failing())
	require.LessOrEqual(t, len(s.LastError), 300)
	require.True(t, strings.HasSuffix(s.LastError, "…"), s.LastError)
}

func TestAMarketThatNobodyAskedForMayBeAsOddAsItLikes(t *testing.T) {
	e := setup(t, "coindcx")
	at := e.clock.Now().Unix()
	e.market.Fail(feedtest.Says(fmt.Sprintf(`[{"market":"BTCINR","last_price":{"a":[1]},"timestamp":"yesterday"},{"market":["ETHINR"]},7,null,"ETHINR",`+
		`{"market":"ETHINR","last_price":"254321.17","timestamp":%d},{"market":"ETHINR","last_price":"1","timestamp":%[1]d},`+
		`{"market":%q}]`, at, strings.Repeat("x", 1000))))
	e.poll()
	tier, value := e.price()
	require.Equal(t, quote.Live, tier)
	require.Equal(t, "254321.17", value, "the first is kept")
	require.Equal(t, "INR: it is given twice", e.state("coindcx").LastError)

	e = setup(t, "coingecko")
	e.market.Fail(feedtest.Says(fmt.Sprintf(`{"ethereum":{"usd":{"a":1},"inr":254321.17,"last_updated_at":%d},"bitcoin":7}`, at)))
	e.poll()
	tier, _ = e.price()
	require.Equal(t, quote.Live, tier)
}

// Market and poller share this process, so that what both allocate is counted: the bound leaves room for them, and none for an
// answer that is unfolded as a whole.
func TestAHostileAnswerTakesLittleMemory(t *testing.T) {
	for name, body := range map[string]string{
		"many markets":     "[" + strings.Repeat("{},", 9_999) + "{}]",
		"too many markets": "[" + strings.Repeat("{},", 340_000) + "{}]",
		"huge":             "[" + strings.Repeat(`{"market":"ETHINR"},`, 200_000) + "{}]",
		"deep":             strings.Repeat("[", 1<<20),
	} {
		e := setup(t, "coindcx")
		e.market.Fail(feedtest.Says(body))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		e.poll()
		runtime.ReadMemStats(&after)
		require.True(t, e.state("coindcx").Failing(), name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), name)
	}
}
