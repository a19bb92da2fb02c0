package stream

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"
)

// refusedAgain is how often a login that is refused again and again is said: each try would fill the log.
const refusedAgain = time.Minute

// logins says why no connection comes about, each reason as what it is: a NATS that is away comes back by itself, a login that is
// refused needs a person.
type logins struct {
	log  *slog.Logger
	seed bool // whether there is one to log in with

	mu     sync.Mutex
	away   bool // was said; that a connection was lost is said elsewhere
	refuse rate.Sometimes
}

func newLogins(log *slog.Logger, seed bool) *logins {
	return &logins{log: log, seed: seed, refuse: rate.Sometimes{Interval: refusedAgain}}
}

// failed is told of each try to connect that failed.
func (l *logins) failed(conn *nats.Conn, err error) {
	if refusedLogin(err) {
		l.refused(conn, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if conn.Stats().InMsgs == 0 && conn.Stats().Reconnects == 0 && !l.away {
		l.away = true
		l.log.Warn("NATS is away: it is tried again until it answers", "error", err)
	}
}

// refused is told of each login that NATS refuses.
func (l *logins) refused(conn *nats.Conn, err error) {
	l.refuse.Do(func() {
		if !l.seed {
			l.log.Error("NATS asks for a login and NATS_NKEY_FILE is not set: name the file with this service's seed there", "error", err)
			return
		}
		l.log.Error("NATS refuses the login with the seed in NATS_NKEY_FILE: give this service the seed that belongs to a public half the server knows, "+
			"or the server this public half, see Identities in infra/docs/OPERATIONS.md; it is tried again until then",
			"error", err, "public_half", conn.Opts.Nkey)
	})
}

// refusedLogin reports whether NATS answered and does not let this identity in.
func refusedLogin(err error) bool {
	for _, refusal := range []error{
		nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired, nats.ErrNkeysNotSupported,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
