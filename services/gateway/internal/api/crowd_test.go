package api

import (
	"bufio"
	"net"
	"net/netip"
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
		do      string // enter, speak, hush, know, leave
		who     string
		from    string
		instead string // who makes room; "-" for nobody, and the one who came is refused
	}
	for name, c := range map[string][]step{
		"the oldest silent one of an address makes room for the next": {
			{"enter", "a", "10.0.0.1", ""}, {"enter", "b", "10.0.0.1", ""}, {"enter", "c", "10.0.0.1", "a"}, {"enter", "d", "10.0.0.2", ""},
		},
		"one in the middle of a request does not": {
			{"enter", "a", "10.0.0.1", ""},
			{"enter", "b", "10.0.0.1", ""},
			{"speak", "a", "", ""},
			{"enter", "c", "10.0.0.1", "b"},
			{"speak", "c", "", ""},
			{"enter", "d", "10.0.0.1", "-"},
			{"hush", "a", "", ""},
			{"enter", "d", "10.0.0.1", "a"},
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
		"when all places are taken the oldest silent one makes room, then the oldest one that has begun": {
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
		"when all places are known ones' nobody is let in": {
			{"enter", "a", "10.0.0.1", ""},
			{"enter", "b", "10.0.0.2", ""},
			{"enter", "c", "10.0.0.3", ""},
			{"enter", "d", "10.0.0.4", ""},
			{"know", "a", "", ""},
			{"know", "b", "", ""},
			{"know", "c", "", ""},
			{"know", "d", "", ""},
			{"enter", "e", "10.0.0.5", "-"},
			{"leave", "d", "", ""},
			{"enter", "e", "10.0.0.5", ""},
		},
		"whose place was given away may say so late": {
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
			room := crowd{limit: 4, strangers: 2, trusted: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}
			guests := map[string]*guest{}
			for _, s := range c {
				switch s.do {
				case "enter":
					g := &guest{}
					instead, in := room.enter(g, at(s.from))
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
					room.knows(guests[s.who])
				case "leave":
					room.leave(guests[s.who])
				}
			}
			for _, g := range guests {
				room.leave(g)
			}
			require.Zero(t, room.size())
			require.Empty(t, room.near)
			require.Zero(t, room.silent.Len()+room.busy.Len())
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
	first.ends() // it was given up, without a word
	for _, from := range []string{"127.0.0.1", "127.0.0.2"} {
		require.Equal(t, 200, dialFrom(t, from, addr).send(sneaked).status())
	}
	for i := range 60 { // more addresses than there is room for
		dialFrom(t, net.IPv4(127, 0, 1, byte(i+1)).String(), addr)
	}
	require.Equal(t, 200, dialFrom(t, "127.0.0.3", addr).send(sneaked).status())
}

func TestWhoCantBeLetInIsToldSoAsTheAnswerToItsRequest(t *testing.T) {
	addr := door(t, func(s *Server) {
		s.Limits = Limits{Connections: 50, Strangers: 3}
		s.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.9.0/24")}
	})
	begin := func(from string) {
		for range 3 {
			l := dialFrom(t, from, addr).send("G")
			l.send(sneaked[1:]).status() // it is inside, and has spoken
			l.send("G")
		}
	}
	begin("127.0.0.1")
	full := func() error {
		l := dial(t, addr).send("POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		res, body := l.answer()
		if res.StatusCode != 503 {
			return &net.AddrError{Err: body}
		}
		isProblem(t, res, body, refusal.Overloaded)
		require.Equal(t, "1", res.Header.Get("Retry-After"))
		require.True(t, res.Close)
		l.ends()
		return nil
	}
	require.Eventually(t, func() bool { return full() == nil }, soon, time.Millisecond)
	require.Equal(t, 200, dialFrom(t, "127.0.0.2", addr).send(sneaked).status())
	begin("127.0.9.1")
	require.Equal(t, 200, dialFrom(t, "127.0.9.1", addr).send(sneaked).status())
}

func TestConnectionsLeaveFilesForTheRest(t *testing.T) {
	for files, fit := range map[uint64]int{1 << 20: 8192, 8192 + 512: 8192, 8192: 7680, 1024: 512, 512: 64, 0: 64} {
		require.Equal(t, fit, connectionsWith(files, 8192), files)
	}
	require.Equal(t, 5, connectionsWith(0, 5))
}
