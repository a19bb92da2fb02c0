package api

import (
	"bufio"
	"cmp"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

func TestAConnectionIsCountedWithThoseOfItsHousehold(t *testing.T) {
	for text, whose := range map[string]string{
		"10.1.2.3":               "10.1.2.3/32",
		"::ffff:10.1.2.3":        "10.1.2.3/32",
		"2001:db8:1:2:3:4:5:6":   "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1":   "2001:db8:1:2::/64",
		"2001:db8:1:3::1":        "2001:db8:1:3::/64",
		"fe80::1%eth0":           "fe80::/64",
		"::1":                    "::/64",
		"2001:db8:ffff:ffff::%1": "2001:db8:ffff:ffff::/64",
	} {
		require.Equal(t, whose, addressOf(net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(text), 1))).String(), text)
	}
}

func TestWhoIsLetInAndInWhosePlace(t *testing.T) {
	at := func(text string) net.Addr {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(text), 1))
	}
	type step struct {
		do      string // enter, speak, hush, know, work, rest, pass (two seconds and a bit), leave
		who     string
		from    string // an address; of know, the terminal, each its own if it isn't named
		instead string // who makes room; "-" for nobody, and the one who came is refused
	}
	for name, c := range map[string][]step{
		"the oldest silent one of an address makes room for the next": {
			{"enter", "a", "10.0.0.1", ""}, {"enter", "b", "10.0.0.1", ""}, {"enter", "c", "10.0.0.1", "a"}, {"enter", "d", "10.0.0.2", ""},
		},
		"one that has just begun a request does not": {
			{"enter", "a", "10.0.0.1", ""},
			{"enter", "b", "10.0.0.1", ""},
			{"speak", "a", "", ""},
			{"enter", "c", "10.0.0.1", "b"},
			{"speak", "c", "", ""},
			{"enter", "d", "10.0.0.1", "-"},
			{"hush", "a", "", ""},
			{"enter", "d", "10.0.0.1", "a"},
		},
		"the oldest that has been at its request for long does when none is silent": {
			{"enter", "a", "10.0.0.1", ""},
			{"enter", "b", "10.0.0.1", ""},
			{"speak", "b", "", ""},
			{"speak", "a", "", ""},
			{"enter", "c", "10.0.0.1", "-"},
			{"pass", "", "", ""},
			{"hush", "a", "", ""},
			{"enter", "c", "10.0.0.1", "a"},
			{"speak", "c", "", ""},
			{"enter", "d", "10.0.0.1", "b"},
			{"speak", "d", "", ""},
			{"enter", "e", "10.0.0.1", "-"},
		},
		"who is known is not counted": {
			{"enter", "a", "10.0.0.1", ""},
			{"enter", "b", "10.0.0.1", ""},
			{"know", "a", "", ""},
			{"know", "b", "", ""},
			{"enter", "c", "10.0.0.1", ""},
			{"enter", "d", "10.0.0.1", ""},
			{"enter", "e", "10.0.0.1", "c"},
		},
		"who leaves makes room": {
			{"enter", "a", "10.0.0.1", ""}, {"enter", "b", "10.0.0.1", ""}, {"leave", "b", "", ""}, {"enter", "c", "10.0.0.1", ""}, {"enter", "d", "10.0.0.1", "a"},
		},
		"a proxy's connections are not counted by address and never make room": {
			{"enter", "a", "10.9.0.1", ""},
			{"enter", "b", "10.9.0.1", ""},
			{"enter", "c", "10.9.0.1", ""},
			{"enter", "d", "10.9.0.1", ""},
			{"enter", "e", "10.9.0.1", "-"},
			{"leave", "a", "", ""},
			{"enter", "e", "10.0.0.1", ""},
			{"enter", "f", "10.9.0.1", "e"},
		},
		"when all connections are taken the oldest silent one makes room, then the oldest one that has begun": {
			{"enter", "a", "10.0.0.1", ""},
			{"enter", "b", "10.0.0.2", ""},
			{"enter", "c", "10.0.0.3", ""},
			{"enter", "d", "10.0.0.4", ""},
			{"speak", "a", "", ""},
			{"enter", "e", "10.0.0.5", "b"},
			{"speak", "c", "", ""},
			{"speak", "d", "", ""},
			{"speak", "e", "", ""},
			{"enter", "f", "10.0.0.6", "a"},
		},
		"when all connections are known ones' the oldest idle one makes room": {
			{"enter", "a", "10.0.0.1", ""},
			{"enter", "b", "10.0.0.2", ""},
			{"enter", "c", "10.0.0.3", ""},
			{"enter", "d", "10.0.0.4", ""},
			{"know", "b", "", ""},
			{"know", "a", "", ""},
			{"know", "c", "", ""},
			{"know", "d", "", ""},
			{"work", "b", "", ""},
			{"enter", "e", "10.0.0.5", "a"},
			{"speak", "e", "", ""},
			{"enter", "f", "10.0.0.6", "e"}, // strangers before them
			{"know", "f", "", ""},
			{"work", "c", "", ""},
			{"work", "d", "", ""},
			{"work", "f", "", ""},
			{"enter", "g", "10.0.0.7", "-"},
			{"rest", "c", "", ""},
			{"enter", "g", "10.0.0.7", "c"},
		},
		"what a terminal has beyond its share is counted with the strangers": {
			{"enter", "a", "10.0.0.1", ""},
			{"know", "a", "t1", ""},
			{"enter", "b", "10.0.0.2", ""},
			{"know", "b", "t1", ""},
			{"enter", "c", "10.0.0.3", ""},
			{"know", "c", "t1", ""},
			{"enter", "d", "10.0.0.3", ""},
			{"enter", "e", "10.0.0.3", "c"},
			{"know", "e", "t2", ""},
			{"leave", "a", "", ""},
			{"know", "d", "t1", ""},
			{"enter", "f", "10.0.0.4", ""},
			{"enter", "g", "10.0.0.5", "f"},
		},
		"one that had to make room may be noticed late": {
			{"enter", "a", "10.0.0.1", ""},
			{"enter", "b", "10.0.0.1", ""},
			{"enter", "c", "10.0.0.1", "a"},
			{"speak", "a", "", ""},
			{"know", "a", "", ""},
			{"leave", "a", "", ""},
			{"leave", "a", "", ""},
			{"enter", "d", "10.0.0.1", "b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			room := crowd{
				limit: 4, strangers: 2, each: 2, trusted: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}, now: func() time.Time { return now },
			}
			guests := map[string]*guest{}
			working := map[string]bool{}
			for _, s := range c {
				switch s.do {
				case "enter":
					g := &guest{idle: func() bool { return !working[s.who] }}
					instead, _, in := room.enter(g, at(s.from))
					require.Equal(t, s.instead != "-", in, "%+v", s)
					if in {
						guests[s.who] = g
					}
					if s.instead != "" && in {
						require.Same(t, guests[s.instead], instead, "%+v", s)
					} else {
						require.Nil(t, instead, "%+v", s)
					}
				case "speak":
					room.speaks(guests[s.who], true)
				case "hush":
					room.speaks(guests[s.who], false)
				case "know":
					room.knows(guests[s.who], cmp.Or(s.from, s.who))
				case "work":
					working[s.who] = true
				case "rest":
					working[s.who] = false
				case "pass":
					now = now.Add(maxBegun + time.Millisecond)
				case "leave":
					room.leave(guests[s.who])
				}
			}
			for _, g := range guests {
				room.leave(g)
			}
			require.Zero(t, room.size())
			require.Empty(t, room.near)
			require.Empty(t, room.own)
			require.Zero(t, room.all[silent].Len()+room.all[begun].Len()+room.all[known].Len())
		})
	}
}

func dialFrom(t *testing.T, from, addr string) *line {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := dialer.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(soon)))
	return &line{c, t, bufio.NewReader(c)}
}

func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	addr := door(t, func(s *Server) { s.Limits = Limits{Connections: 50, Strangers: 5} })
	first := dial(t, addr)
	for range 60 {
		dial(t, addr)
	}
	first.ends() // it was closed without an answer
	for _, from := range []string{"127.0.0.1", "127.0.0.2"} {
		require.Equal(t, 200, dialFrom(t, from, addr).send(sneaked).status())
	}
	for i := range 60 { // more addresses than there is room for
		dialFrom(t, net.IPv4(127, 0, 1, byte(i+1)).String(), addr)
	}
	require.Equal(t, 200, dialFrom(t, "127.0.0.3", addr).send(sneaked).status())
}

// threeBegun are connections from an address, each in the middle of a request.
func threeBegun(t *testing.T, from, addr string) (all []*line) {
	t.Helper()
	for range 3 {
		l := dialFrom(t, from, addr).send(sneaked + "G")
		require.Equal(t, 200, l.status())
		all = append(all, l)
	}
	return all
}

// isTurnedAway expects the answer to a connection for which there is no room.
func isTurnedAway(t *testing.T, l *line, why *refusal.Error) {
	t.Helper()
	res, body := l.send("POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}").answer()
	require.Equal(t, 503, res.StatusCode)
	isProblem(t, res, body, refusal.Overloaded)
	require.Contains(t, body, why.Detail)
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	require.True(t, res.Close)
	l.ends()
}

func TestWhoCantBeLetInIsToldWhichLimitItMetAsTheAnswerToItsRequest(t *testing.T) {
	now := time.Now() // and stays
	addr := door(t, func(s *Server) {
		s.Limits, s.now = Limits{Connections: 6, Strangers: 3, Read: soon}, func() time.Time { return now }
		s.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.9.0/24")}
	})
	first := threeBegun(t, "127.0.0.1", addr)
	isTurnedAway(t, dial(t, addr), errFullAddress)
	require.Equal(t, 200, dialFrom(t, "127.0.0.2", addr).send(sneaked).status())
	for _, l := range first {
		require.NoError(t, l.Close())
	}
	threeBegun(t, "127.0.9.1", addr)
	proxied := threeBegun(t, "127.0.9.2", addr) // as many as all strangers
	isTurnedAway(t, dial(t, addr), errFull)
	require.Equal(t, 200, proxied[0].send(sneaked[1:]).status())
}

func TestRequestsThatAreBegunAndNeverEndKeepNobodyOutForLong(t *testing.T) {
	var late atomic.Int64
	start := time.Now()
	addr := door(t, func(s *Server) {
		s.Limits, s.now = Limits{Strangers: 3, Read: soon}, func() time.Time { return start.Add(time.Duration(late.Load())) }
	})
	stalled := threeBegun(t, "127.0.0.1", addr)
	isTurnedAway(t, dial(t, addr), errFullAddress)
	late.Store(int64(maxBegun + 1))
	require.Equal(t, 200, dial(t, addr).send(sneaked).status())
	stalled[0].ends()
	require.Equal(t, 200, stalled[1].send(sneaked[1:]).status())
}

func TestWarningsOfConnectionsNameTheLimitAndLeaveThoseOfRequestsAlone(t *testing.T) {
	var log strings.Builder
	s := &Server{Log: slog.New(slog.NewTextHandler(&log, nil)), CountEnd: func(string) {}}
	s.build()
	for range 10 * warningsBurst {
		s.connectionEnded(endRefused, byAddress)
	}
	require.Contains(t, log.String(), "limit=address")
	require.GreaterOrEqual(t, s.warnings.Tokens(), float64(warningsBurst)) //nolint:forbidigo // the limiter counts in floats; no money here
}

func TestConnectionsLeaveFilesForTheRest(t *testing.T) {
	for files, fit := range map[uint64]int{1 << 20: 8192, 8192 + 512: 8192, 8192: 7680, 1024: 512, 512: 64, 0: 64} {
		require.Equal(t, fit, connectionsWith(files, 8192), files)
	}
	require.Equal(t, 5, connectionsWith(0, 5))
}
