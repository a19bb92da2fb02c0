package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/api"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// wire is one connection of a till's, on which a test decides how far a request comes.
type wire struct {
	net.Conn

	t   *testing.T
	key string
	r   *bufio.Reader
}

func (t *till) dial() *wire {
	t.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(t.url, "http://"))
	require.NoError(t.t, err)
	t.t.Cleanup(func() { _ = c.Close() })
	require.NoError(t.t, c.SetDeadline(time.Now().Add(soon)))
	return &wire{c, t.t, t.key, bufio.NewReader(c)}
}

func (w *wire) send(text string) *wire {
	w.t.Helper()
	_, err := io.WriteString(w, text)
	require.NoError(w.t, err)
	return w
}

// looks sends a request that finds nothing, and some of what follows it.
func (w *wire) looks(then string) *wire {
	w.t.Helper()
	return w.send("GET /idempotency/" + newKey() + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.key + "\r\n\r\n" + then)
}

// batch sends the head of a batch, and some of its body.
func (w *wire) batch(size int, some string) *wire {
	w.t.Helper()
	return w.send("POST /record/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.key +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n" + some)
}

func (w *wire) answer() (reply, error) {
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, body}, err
}

func (w *wire) refuses(status int, code refusal.Code) {
	w.t.Helper()
	r, err := w.answer()
	require.NoError(w.t, err)
	refuses(w.t, r, status, code)
}

func (w *wire) ends() {
	w.t.Helper()
	rest, err := io.ReadAll(w.r)
	require.NoError(w.t, err)
	require.Empty(w.t, rest)
}

func TestAGatewayThatIsFullTakesATillInForOneThatAsksNothing(t *testing.T) {
	shop := setup(t)
	full := shop.till.at(shop.addGateway(func(c *gateway.Config) { c.Limits = api.Limits{Connections: 3, Strangers: 2, Read: soon} }))
	var tills []*wire
	for range 3 { // more than may be strangers
		w := full.dial().looks("G") // and the next request has begun
		w.refuses(404, refusal.NotFound)
		tills = append(tills, w)
	}
	full.dial().looks("").refuses(503, refusal.Overloaded)
	tills[1].send("ET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	r, err := tills[1].answer()
	require.NoError(t, err)
	require.Equal(t, 200, r.Status)
	full.dial().looks("G").refuses(404, refusal.NotFound)
	tills[1].ends()
	full.dial().looks("").refuses(503, refusal.Overloaded)
}

func TestATerminalHasNoMoreThanItsShareOfAllConnections(t *testing.T) {
	shop := setup(t)
	full := shop.till.at(shop.addGateway(func(c *gateway.Config) { c.Limits = api.Limits{Strangers: 2, Terminal: 3, Read: soon} }))
	var tills []*wire
	for range 5 {
		w := full.dial().looks("")
		w.refuses(404, refusal.NotFound)
		tills = append(tills, w)
	}
	var last *wire
	eventually(t, "a stranger that has its answer makes room", func() error { // the gateway notes that just after it wrote the answer
		last = full.dial().looks("")
		r, err := last.answer()
		require.NoError(t, err)
		if r.Status != http.StatusServiceUnavailable {
			refuses(t, r, 404, refusal.NotFound)
		}
		return retryable(r)
	})
	gone := 0
	for i, w := range append(tills, last) {
		if r, err := w.looks("").answer(); err == nil {
			refuses(t, r, 404, refusal.NotFound)
			continue
		}
		require.Contains(t, []int{3, 4}, i, "the terminal's own, or who came last, had to go")
		gone++
	}
	require.Equal(t, 1, gone)
}

func TestBatchesThatAreAnnouncedAndNeverComeLeaveRoomForOtherTills(t *testing.T) {
	shop := setup(t)
	const size, most = 4 << 20, 4
	some := "[" + strings.Repeat(" ", 16<<10)
	type outcome struct {
		reply
		error
	}
	answers := make(chan outcome, most+1)
	var all []*wire
	for range most + 1 {
		w := shop.till.dial().batch(size, some)
		all = append(all, w)
		go func() {
			r, err := w.answer()
			answers <- outcome{r, err}
		}()
	}
	first := <-answers // one is refused, and its body is not waited for
	require.NoError(t, first.error)
	refuses(t, first.reply, 503, refusal.Overloaded)
	_, got := shop.newTill("s1", "t2").batch(entry(newKey(), `{"currency":"INR","total":"1","customer_id":"`+strings.Repeat("x", 32<<10)+`"}`))
	require.Equal(t, 422, got[0].Status)
	for _, w := range all {
		require.NoError(t, w.Close())
	}
	for range most {
		require.Error(t, (<-answers).error)
	}
	eventually(t, "there is room again", func() error {
		return retryable(shop.till.do(http.MethodPost, "/record/batch", "["+entry(newKey(), tea)+strings.Repeat(" ", size/2)+"]"))
	})
}

// retryable reports whether an answer asks for the request again.
func retryable(r reply) error {
	if r.Status == http.StatusServiceUnavailable {
		return refusal.New(refusal.Overloaded, string(r.Body))
	}
	return nil
}

func TestATillsBatchMayTakeLongerOnItsWayThanARecord(t *testing.T) {
	shop := setup(t)
	const size, record = 1 << 20, time.Second
	slow := shop.till.at(shop.addGateway(func(c *gateway.Config) { c.Limits = api.Limits{Read: record} }))
	batch := "[" + entry(newKey(), tea) + strings.Repeat(" ", size) + "]"
	w := slow.dial()
	begun := time.Now()
	w.batch(len(batch), batch[:size/2])
	for time.Since(begun) < 2*record {
		<-time.After(record / 10)
	}
	r, err := w.send(batch[size/2:]).answer()
	require.NoError(t, err)
	require.Equal(t, 200, r.Status, "%s", r.Body)
	slow.dial().send("POST /record/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 1024\r\n\r\n[").refuses(408, refusal.RequestTimeout) // a stranger's may not
}
