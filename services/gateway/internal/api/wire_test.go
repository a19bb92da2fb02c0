package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/terminal"
)

// soon is a limit for what takes milliseconds when the machine is not busy.
const soon = 20 * time.Second

// door serves everything that needs no store, and returns where.
func door(t *testing.T, adjust ...func(*Server)) string {
	t.Helper()
	on, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serveOn(t, on, adjust...)
	return on.Addr().String()
}

func serveOn(t *testing.T, on net.Listener, adjust ...func(*Server)) {
	t.Helper()
	s := &Server{
		Terminals: terminal.New(nil, 1), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Count: func(string, int) {}, CountEnd: func(string) {},
	}
	for _, f := range adjust {
		f(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, on) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

// line is a connection of bytes.
type line struct {
	net.Conn

	t *testing.T
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *line {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(soon)))
	return &line{c, t, bufio.NewReader(c)}
}

func (l *line) send(text string) *line {
	l.t.Helper()
	_, err := io.WriteString(l, text)
	require.NoError(l.t, err)
	return l
}

// answer reads one, and its body.
func (l *line) answer() (*answer, string) {
	l.t.Helper()
	res, err := http.ReadResponse(l.r, nil)
	require.NoError(l.t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(l.t, err)
	require.NoError(l.t, res.Body.Close())
	return &answer{res.StatusCode, res.Header, res.Close}, string(body)
}

// answer is an answer without its body.
type answer struct {
	StatusCode int
	Header     http.Header
	Close      bool
}

// status is an answer's, whose body is not checked.
func (l *line) status() int {
	l.t.Helper()
	res, _ := l.answer()
	return res.StatusCode
}

// ends expects the connection's end, and not a byte before.
func (l *line) ends() {
	l.t.Helper()
	rest, err := io.ReadAll(l.r)
	require.NoError(l.t, err)
	require.Empty(l.t, rest)
}

// refuses expects a problem and then the end.
func (l *line) refuses(status int, code refusal.Code) {
	l.t.Helper()
	res, body := l.answer()
	require.Equal(l.t, status, res.StatusCode, body)
	isProblem(l.t, res, body, code)
	require.True(l.t, res.Close, "says that the connection is closed")
	l.ends()
}

func isProblem(t *testing.T, res *answer, body string, code refusal.Code) {
	t.Helper()
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"), body)
	require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
	var p problem
	require.NoError(t, json.Unmarshal([]byte(body), &p), body)
	require.Equal(t, code, p.Code)
	require.Equal(t, res.StatusCode, p.Status)
	require.Equal(t, "urn:tillseal:request:"+res.Header.Get("X-Request-Id"), p.Instance)
	require.NotEmpty(t, p.Detail)
}

// sneaked is what must never become a request of its own.
const sneaked = "GET /healthz HTTP/1.1\r\nHost: sneaked\r\n\r\n"

func TestARequestThatCouldBeReadInTwoWaysIsRefusedAndEndsItsConnection(t *testing.T) {
	addr := door(t)
	const post = "POST /record HTTP/1.1\r\nHost: x\r\n"
	for name, c := range map[string]struct {
		request string
		status  int
		code    refusal.Code
	}{
		"two lengths":                     {post + "Content-Length: 5\r\nContent-Length: 0\r\n\r\n", 400, refusal.BadRequest},
		"two lengths that are the same":   {post + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400, refusal.BadRequest},
		"a list of lengths":               {post + "Content-Length: 0, 0\r\n\r\n", 400, refusal.BadRequest},
		"a length with a sign":            {post + "Content-Length: +0\r\n\r\n", 400, refusal.BadRequest},
		"a length in hexadecimal":         {post + "Content-Length: 0x0\r\n\r\n", 400, refusal.BadRequest},
		"no length":                       {post + "Content-Length:\r\n\r\n", 400, refusal.BadRequest},
		"a length beyond counting":        {post + "Content-Length: 18446744073709551616\r\n\r\n", 400, refusal.BadRequest},
		"length and chunked":              {post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, refusal.LengthRequired},
		"chunked":                         {post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, refusal.LengthRequired},
		"gzip and chunked":                {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 411, refusal.LengthRequired},
		"identity":                        {post + "transfer-ENCODING: identity\r\n\r\n", 411, refusal.LengthRequired},
		"chunked in HTTP/1.0":             {"POST /record HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, refusal.LengthRequired},
		"chunked twice":                   {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, refusal.LengthRequired},
		"a chunk's extension with an LF":  {post + "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n4c\r\n0\r\n\r\n", 411, refusal.LengthRequired},
		"chunked behind a folded line":    {post + "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, refusal.BadRequest},
		"chunked with a space":            {post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, refusal.BadRequest},
		"chunked behind a vertical tab":   {post + "Transfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n", 400, refusal.BadRequest},
		"a folded Authorization":          {post + "Authorization: Bearer\r\n x\r\n\r\n", 400, refusal.BadRequest},
		"a NUL in a value":                {post + "X: a\x00b\r\n\r\n", 400, refusal.BadRequest},
		"a NUL in a name":                 {post + "X\x00: a\r\n\r\n", 400, refusal.BadRequest},
		"a DEL in a value":                {post + "X: a\x7fb\r\n\r\n", 400, refusal.BadRequest},
		"a bare CR in a value":            {post + "X: a\rContent-Length: 3\r\n\r\n", 400, refusal.BadRequest},
		"a bare LF after a header":        {post + "X: a\n\r\n", 400, refusal.BadRequest},
		"a bare LF after the line":        {"GET /healthz HTTP/1.1\nHost: x\r\n\r\n", 400, refusal.BadRequest},
		"a bare LF for the last line":     {post + "X: a\r\n\n", 400, refusal.BadRequest},
		"a bare LF before the line":       {"\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400, refusal.BadRequest},
		"two empty lines before the line": {"\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400, refusal.BadRequest},
		"HTTP/9.9":                        {"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", 400, refusal.BadRequest},
		"HTTP/1.2":                        {"GET /healthz HTTP/1.2\r\nHost: x\r\n\r\n", 400, refusal.BadRequest},
		"http/1.1":                        {"GET /healthz http/1.1\r\nHost: x\r\n\r\n", 400, refusal.BadRequest},
		"HTTP/0.9":                        {"GET /healthz\r\n\r\n", 400, refusal.BadRequest},
		"two spaces":                      {"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400, refusal.BadRequest},
		"a space at the line's end":       {"GET /healthz HTTP/1.1 \r\nHost: x\r\n\r\n", 400, refusal.BadRequest},
		"a tab in the line":               {"GET\t/healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400, refusal.BadRequest},
		"HTTP/1.1 without a Host":         {"GET /healthz HTTP/1.1\r\n\r\n", 400, refusal.BadRequest},
		"an absolute target without Host": {"GET http://x/healthz HTTP/1.1\r\nX: y\r\n\r\n", 400, refusal.BadRequest},
		"an empty Host":                   {"GET /healthz HTTP/1.1\r\nHost: \r\n\r\n", 400, refusal.BadRequest},
		"two Hosts":                       {"GET /healthz HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", 400, refusal.BadRequest},
		"two Hosts in HTTP/1.0":           {"GET /healthz HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400, refusal.BadRequest},
		"a Host with a path":              {"GET /healthz HTTP/1.1\r\nHost: x/y\r\n\r\n", 400, refusal.BadRequest},
		"a header without a colon":        {post + "X\r\n\r\n", 400, refusal.BadRequest},
		"a header without a name":         {post + ": x\r\n\r\n", 400, refusal.BadRequest},
		"two types":                       {post + "Content-Type: text/plain\r\nContent-Type: application/json\r\n\r\n", 400, refusal.BadRequest},
		"HTTP/2":                          {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, refusal.BadRequest},
		"TLS":                             {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, refusal.BadRequest},
		"headers without an end":          {post + "X: " + strings.Repeat("x", 20<<10), 400, refusal.BadRequest},
		"a target without an end":         {"GET /" + strings.Repeat("x", 20<<10), 400, refusal.BadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			dial(t, addr).send(c.request+sneaked).refuses(c.status, c.code)

			after := dial(t, addr).send(sneaked + c.request + sneaked) // as what comes behind a good one
			res, _ := after.answer()
			require.Equal(t, 200, res.StatusCode)
			after.refuses(c.status, c.code)

			bit := dial(t, addr) // byte by byte: what is refused does not depend on how it comes
			go func() {
				for _, b := range []byte(c.request + sneaked)[:min(len(c.request)+len(sneaked), 600)] {
					if _, err := bit.Write([]byte{b}); err != nil {
						return
					}
				}
				_, _ = io.WriteString(bit, strings.Repeat("x", 20<<10))
			}()
			bit.refuses(c.status, c.code)
		})
	}
}

func TestWhatRealTillsSendIsTaken(t *testing.T) {
	addr := door(t)
	const get = "GET /healthz HTTP/1.1\r\nHost: x\r\n"
	for name, c := range map[string]struct {
		requests string
		statuses []int
	}{
		"a request":       {get + "\r\n", []int{200}},
		"several at once": {strings.Repeat(get+"\r\n", 5), []int{200, 200, 200, 200, 200}},
		"bodies between them": {
			strings.Repeat("POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\n\"a\":1"+get+"\r\n", 2),
			[]int{401, 200, 401, 200},
		},
		"a body that looks like a head": {"POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: " +
			strconv.Itoa(len(sneaked)) + "\r\n\r\n" + sneaked + get + "\r\n", []int{401, 200}},
		"an empty line after a body":    {"POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}\r\n" + get + "\r\n", []int{401, 200}},
		"a GET with a body":             {"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + get + "\r\n", []int{200, 200}},
		"a length of nothing":           {"POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 00\r\n\r\n" + get + "\r\n", []int{401, 200}},
		"text beyond ASCII":             {get + "X-Shop: Caf\xe9 \xe2\x82\xac\r\n\r\n", []int{200}},
		"quotes, tabs and empty values": {get + "X-Q: \"a\\\"b\";\tq=1\r\nX-Empty:\r\nX-Space: \t \r\nIf-None-Match: W/\"x\"\r\n\r\n", []int{200}},
		"a colon in a value":            {get + "X-Url: http://x:80/?a=b:c\r\n\r\n", []int{200}},
		"strange names":                 {get + "x_under-score.1!#$%&'*+^`|~: 1\r\n\r\n", []int{200}},
		"a host with a port": {"GET /healthz HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n" +
			"GET /healthz HTTP/1.1\r\nhOST:my_shop.example:80\r\n\r\n", []int{200, 200}},
		"repeated headers that may be":   {get + "Accept: a\r\nAccept: b\r\nCookie: a=b\r\n\r\n", []int{200}},
		"an absolute target":             {"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n", []int{200}},
		"HTTP/1.0 without a Host":        {"GET /healthz HTTP/1.0\r\n\r\n", []int{200}},
		"HTTP/1.0 that is kept":          {strings.Repeat("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 2), []int{200, 200}},
		"headers of nearly 16 KiB":       {get + "X: " + strings.Repeat("x", 16<<10-len(get)-7) + "\r\n\r\n" + get + "\r\n", []int{200, 200}},
		"a method that nobody knows":     {"BREW /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + get + "\r\n", []int{405, 200}},
		"a method in lower case":         {"post /record HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" + get + "\r\n", []int{405, 200}},
		"a strange method at no path":    {"get /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + get + "\r\n", []int{404, 200}},
		"everything about a server":      {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" + get + "\r\n", []int{404, 200}},
		"a target of another's":          {"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" + get + "\r\n", []int{404, 200}},
		"an upgrade that is not taken":   {get + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", []int{200}},
		"a target with a bad percentage": {"GET /sales/%zz HTTP/1.1\r\nHost: x\r\n\r\n" + get + "\r\n", []int{401, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(l *line) {
				for _, status := range c.statuses {
					res, body := l.answer()
					require.Equal(t, status, res.StatusCode, body)
					if status != 200 {
						require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"), body)
					}
				}
			}
			check(dial(t, addr).send(c.requests))
			bit := dial(t, addr)
			go func() {
				for _, b := range []byte(c.requests)[:min(len(c.requests), 600)] {
					_, _ = bit.Write([]byte{b})
				}
				_, _ = io.WriteString(bit, c.requests[min(len(c.requests), 600):])
			}()
			check(bit)
		})
	}
	res, body := dial(t, addr).send("brew /record HTTP/1.1\r\nHost: x\r\n\r\n").answer()
	isProblem(t, res, body, refusal.MethodNotAllowed)
	require.Equal(t, "POST", res.Header.Get("Allow"))
}

func TestAConnectionThatSaysNothingIsClosedWithoutAWord(t *testing.T) {
	addr := door(t, func(s *Server) { s.Limits = Limits{Read: 50 * time.Millisecond, Idle: 50 * time.Millisecond} })
	dial(t, addr).ends()
	dial(t, addr).send("\r\n").ends()
	kept := dial(t, addr).send(sneaked)
	res, _ := kept.answer()
	require.Equal(t, 200, res.StatusCode)
	require.False(t, res.Close)
	kept.ends()
	trailing := dial(t, addr).send("POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}\r\n")
	trailing.answer()
	trailing.ends()
}

func TestARequestThatStallsIsToldSo(t *testing.T) {
	addr := door(t, func(s *Server) { s.Limits = Limits{Read: 50 * time.Millisecond, Batch: 50 * time.Millisecond} })
	for _, begun := range []string{
		"G", sneaked[:30], sneaked[:len(sneaked)-2], "POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{",
		"POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", "POST /record/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n",
		"\r\nGET /healthz HTTP/1.1\r\n",
	} {
		dial(t, addr).send(begun).refuses(408, refusal.RequestTimeout)
		after := dial(t, addr).send(sneaked + begun)
		res, _ := after.answer()
		require.Equal(t, 200, res.StatusCode)
		after.refuses(408, refusal.RequestTimeout)
	}
}

// A request that comes while its connection is closed for having been idle is answered, or it sees the connection's end.
func TestARequestThatMeetsTheEndOfAnIdleConnectionIsNeverAnsweredWithAnError(t *testing.T) {
	const idle = 20 * time.Millisecond
	addr := door(t, func(s *Server) { s.Limits = Limits{Read: idle, Idle: idle} })
	answered, ended := 0, 0
	for i := range 60 {
		l := dial(t, addr)
		if i%2 == 0 {
			l.send(sneaked)
			l.answer()
		}
		<-time.After(idle + time.Duration(i-30)*100*time.Microsecond)
		if _, err := io.WriteString(l, sneaked); err != nil {
			ended++
			continue
		}
		res, err := http.ReadResponse(l.r, nil)
		if err != nil {
			ended++
			continue
		}
		_ = res.Body.Close()
		require.Equal(t, 200, res.StatusCode)
		answered++
	}
	t.Logf("%d answered, %d saw the end", answered, ended)
}

func TestAFormIsReadAsAnyOtherBody(t *testing.T) {
	var c atomic.Int64
	addr := door(t, func(s *Server) { s.Count = func(string, int) { c.Add(1) } })
	for _, body := range []string{"", "--b", "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b--\r\n"} {
		res, text := dial(t, addr).send("POST /record HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: " +
			strconv.Itoa(len(body)) + "\r\n\r\n" + body).answer()
		isProblem(t, res, text, refusal.Unauthenticated) // who it is comes first; the body was no reason to hang up
	}
	require.EqualValues(t, 3, c.Load())
}
