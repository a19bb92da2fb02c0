package stream

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"
)

// refusedAgain is how often a login that is refused again and again is logged: each try would fill the log.
const refusedAgain = time.Minute

// logins logs why there is no connection, and distinguishes the reasons: an unavailable NATS comes back by itself, a refused login needs a
// person.
type logins struct {
	log  *slog.Logger
	seed bool // whether NATS_NKEY_FILE gives one to log in with

	mu       sync.Mutex
	reported bool // was logged; that a connection was lost is logged elsewhere
	refuse   rate.Sometimes
}

func newLogins(log *slog.Logger, seed bool) *logins {
	return &logins{log: log, seed: seed, refuse: rate.Sometimes{Interval: refusedAgain}}
}

// failed is called for each try to connect that failed.
func (l *logins) failed(conn *nats.Conn, err error) {
	if refusedLogin(err) {
		l.refused(conn, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if conn.Stats().InMsgs == 0 && conn.Stats().Reconnects == 0 && !l.reported {
		l.reported = true
		l.log.Warn("NATS is unavailable: trying again until it answers", "error", err)
	}
}

// refused is called for each login that NATS refuses.
func (l *logins) refused(conn *nats.Conn, err error) {
	l.refuse.Do(func() {
		if !l.seed {
			l.log.Error("NATS asks for a login and NATS_NKEY_FILE is not set: set it to the file with this service's seed", "error", err)
			return
		}
		l.log.Error("NATS refuses the login with the seed in NATS_NKEY_FILE: give this service a seed whose public half the server knows, "+
			"or the server this public half; see Identities in infra/docs/OPERATIONS.md; trying again until then",
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
