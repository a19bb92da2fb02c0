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

// Limits of finding out that Postgres is away, and that it is back.
const (
	// roundTrip is how long the answer to a group's reads may take. Longer than the server's own timeouts: what stays silent for
	// it says nothing at all, as a server does whose machine hangs.
	roundTrip = 500 * time.Millisecond
	// maxSilences is how many asked in a row get no answer, or no connection, until nobody is asked any more. One alone may be a
	// server that is busy for a moment, and so is one that answers others meanwhile.
	maxSilences = 2
	probePause  = 50 * time.Millisecond
	// warmWithin is for the connections that a Postgres which is back begins with.
	warmWithin = time.Second
)

// ErrAway refuses at once what would only wait: Postgres did not answer, and a probe looks out for it.
var ErrAway = fault.New(fault.Transient, "Postgres is away and is being waited for")

// watch knows whether Postgres answers. It is a breaker whose half-open state costs no till anything: a probe of its own, not the
// next request, finds out that the server is back.
type watch struct {
	answers  atomic.Uint64 // how many questions were answered so far
	silences atomic.Int32
	away     atomic.Bool
	probes   sync.WaitGroup
	stop     context.CancelFunc
	running  context.Context //nolint:containedctx // of the probes, which no request may end
}

// Away reports whether Postgres is being waited for.
func (s *Store) Away() bool { return s.watch.away.Load() }

// heard takes note of how a question to Postgres ended. began is watch.answers as it was when the question was asked: if others were
// answered since, one that timed out was slow and Postgres is not silent. A connection that broke says nothing: the next may be well.
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

// answers reports whether Postgres does, with time for a connection to be made. It has all that can be made in warmWithin made then, so
// that the first tills, who come all at once, need not wait for theirs and take Postgres for silent again.
func (s *Store) answers(ctx context.Context) bool {
	asking, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	err := s.pool.Ping(asking)
	if broken(err) {
		s.pool.Reset() // what lay in the pool is of before
	}
	if err != nil {
		return false
	}
	warming, stop := context.WithTimeout(ctx, warmWithin)
	defer stop()
	made := make([]*pgxpool.Conn, maxConns)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() { made[i], _ = s.pool.Acquire(warming) }) // what is late is made all the same
	}
	all.Wait() // one that was given back would be taken again
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
