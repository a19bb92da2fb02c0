package api

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

func posts(path string, size int, body string, headers ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s", path, size, strings.Join(headers, "\r\n"), body)
}

// waits reports of each connection that its server has read what came first and waits for more.
type waits struct {
	net.Listener

	told chan struct{}
}

type waiting struct {
	*net.TCPConn

	reads atomic.Int32
	told  chan<- struct{}
}

func (w *waits) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &waiting{TCPConn: c.(*net.TCPConn), told: w.told}, nil
}

func (w *waiting) Read(b []byte) (int, error) {
	if w.reads.Add(1) == 2 {
		w.told <- struct{}{}
	}
	return w.TCPConn.Read(b)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestALengthThatIsAnnouncedCostsNothing(t *testing.T) {
	const strangers, size, most = 64, 5 << 20, 32 << 20
	on, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	all := &waits{on, make(chan struct{}, strangers)}
	serveOn(t, all, func(s *Server) { s.Limits.Read = soon })
	before := heap()
	for i := range strangers {
		path := []string{"/record/batch", "/record", "/nowhere"}[i%3]
		dial(t, on.Addr().String()).send(posts(path, size, "["))
	}
	for range strangers {
		<-all.told
	}
	require.Less(t, heap()-before, int64(most), "of %d MiB that were announced", strangers*size>>20)
}

func TestWhatAStrangerSendsIsReadOnlyWhileItIsSmall(t *testing.T) {
	addr := door(t, func(s *Server) { s.Limits = Limits{Read: time.Hour} }) // whoever waited for the rest would wait for ever
	for _, path := range []string{"/record", "/record/batch"} {
		for _, size := range []int{2, readAhead, readAhead + 1, maxSkipped} {
			for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
				l := dial(t, addr).send(posts(path, size, strings.Repeat(" ", size), expect) + sneaked)
				if expect != "" {
					require.Equal(t, 100, l.status())
				}
				res, body := l.answer()
				isProblem(t, res, body, refusal.Unauthenticated)
				require.False(t, res.Close)
				require.Equal(t, 200, l.status())
			}
		}
		for _, size := range []int{maxSkipped + 1, 5 << 20, 99_999_999} { // the rest never comes
			dial(t, addr).send(posts(path, size, strings.Repeat(" ", readAhead))).refuses(401, refusal.Unauthenticated)
		}
	}
}

func TestLargeBodiesHaveRoomForEachTerminalAndForAll(t *testing.T) {
	r := room{whole: 10, each: 4}
	require.True(t, r.take("t1", 3))
	require.False(t, r.take("t1", 2))
	require.True(t, r.take("t1", 1))
	require.True(t, r.take("t2", 4))
	require.False(t, r.take("t3", 3))
	r.free("t1", 3)
	require.True(t, r.take("t3", 3))
	require.False(t, r.take("t1", 4))
	require.True(t, r.take("t1", 2))
	r.free("t1", 1)
	r.free("t1", 2)
	r.free("t2", 4)
	r.free("t3", 3)
	require.Zero(t, r.taken)
	require.Empty(t, r.by)
}
