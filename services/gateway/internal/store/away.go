package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/wait"
)

// Limits of finding out that Postgres is unavailable, and that it is back.
const (
	// roundTrip is how long the answer to a group's reads may take. Longer than the server's own timeouts: a server that stays silent for
	// it does not answer at all, as one whose machine hangs.
	roundTrip = 500 * time.Millisecond
	// maxSilences is how many queries in a row get no answer, or no connection, until no more are sent. One alone may be a server that is
	// busy for a moment, and so may one that answers others meanwhile.
	maxSilences = 2
	probePause  = 50 * time.Millisecond
	// warmWithin is for opening connections to a Postgres that is back.
	warmWithin = time.Second
)

// ErrAway refuses at once what would only wait: Postgres did not answer, and a probe checks for it.
var ErrAway = fault.New(fault.Transient, "Postgres is unavailable; waiting for it")

// watch knows whether Postgres answers. It is a breaker whose half-open state costs no till anything: a probe of its own, not the next
// request, finds out that the server is back.
type watch struct {
	answers  atomic.Uint64 // how many queries were answered so far
	silences atomic.Int32
	away     atomic.Bool
	probes   sync.WaitGroup
	stop     context.CancelFunc
	running  context.Context //nolint:containedctx // of the probes, which no request may end
}

// Away reports whether Postgres is unavailable and being waited for.
func (s *Store) Away() bool { return s.watch.away.Load() }

// heard notes how a query to Postgres ended. began is watch.answers from when the query was sent: if others were answered since, one that
// timed out was slow and Postgres is not silent. A connection that broke proves nothing: the next may work.
func (s *Store) heard(began uint64, err error) {
	var pg *pgconn.PgError
	var connecting *pgconn.ConnectError
	switch {
	case errors.As(err, &connecting), errors.Is(err, context.DeadlineExceeded):
		if s.watch.answers.Load() == began && s.watch.silences.Add(1) >= maxSilences && !s.watch.away.Swap(true) {
			s.watch.probes.Go(s.probe)
		}
	case err == nil, errors.As(err, &pg) && !broken(err):
		s.watch.answers.Add(1)
		s.watch.silences.Store(0)
	}
}

// probe asks until Postgres answers.
func (s *Store) probe() {
	s.changed(true)
	for !s.answers(s.watch.running) {
		if !wait.Pause(s.watch.running, probePause) {
			return
		}
	}
	s.watch.silences.Store(0)
	s.changed(false)
	s.watch.away.Store(false)
}

// answers reports whether Postgres answers, with time for a connection to be opened. It then opens as many as it can in warmWithin, so that
// the first tills, which come all at once, need not wait for theirs and make Postgres look silent again.
func (s *Store) answers(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	err := s.pool.Ping(asking)
	if broken(err) {
		s.pool.Reset() // its connections are from before
	}
	if err != nil {
		return false
	}
	warming, stop := context.WithTimeout(ctx, warmWithin)
	defer stop()
	made := make([]*pgxpool.Conn, maxConns)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() { made[i], _ = s.pool.Acquire(warming) }) // one that is late is opened all the same
	}
	all.Wait() // one that was released early would be acquired again
	for _, conn := range made {
		if conn != nil {
			conn.Release()
		}
	}
	return true
}

func (s *Store) changed(away bool) {
	if s.Changed != nil {
		s.Changed(away)
	}
}
