// Package store is the gateway's Postgres: it reads, locks and writes what commit decides, and decides nothing. SQL is in the files under
// sql.
package store

import (
	"context"
	_ "embed" // the statements
	"errors"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
)

// Limits. A till is answered within 500 ms, so each of the server's own timeouts stays below 400 ms.
const (
	// connectTimeout is for a new connection, which is opened even when nobody waits for it any more (puddle does so): on a starved machine
	// a handshake takes longer than a till can wait, and one that was restarted each time would never finish.
	connectTimeout   = 2 * time.Second
	acquireTimeout   = 300 * time.Millisecond // for a group to get a connection
	lockTimeout      = 150 * time.Millisecond // shorter than idleTimeout: the next try finds the frozen one's locks gone
	statementTimeout = 350 * time.Millisecond
	idleTimeout      = 300 * time.Millisecond
	maxConns         = 8
	maxReads         = 5 // connections that tills' reads may take: the others are for the committer, key look-ups and the probe
	readTimeout      = 400 * time.Millisecond
)

// HeldUp is the longest that a gateway which froze inside a transaction keeps the others from its locks: Postgres ends it after idleTimeout, or
// who waits for its locks does (endHung), and a waiter's next try finds the locks gone.
const HeldUp = idleTimeout + lockTimeout

// Store is a pool of connections to Postgres. It is safe for concurrent use.
type Store struct {
	// Changed is called when Postgres is found to be unavailable, and when it is back. Set it before the first use; it must not block.
	Changed func(away bool)

	pool      *pgxpool.Pool
	reads     chan struct{} // a slot for each that runs
	watch     *watch
	databases *databases
	only      *atomic.Pointer[string] // the database that is written to; nil in it: any
}

// Open prepares the pool and does not connect yet: the gateway starts although Postgres is unavailable. A URL that can't be used is an Invalid
// fault.
func Open(ctx context.Context, url config.Secret) (*Store, error) {
	s := &Store{
		reads: make(chan struct{}, maxReads), watch: &watch{}, databases: &databases{replaced: make(chan struct{}, 1)}, only: &atomic.Pointer[string]{},
	}
	var err error
	s.pool, err = postgres.Open(ctx, url, postgres.Limits{
		Service: "gateway", MaxConns: maxConns, Connect: connectTimeout,
		Lock: lockTimeout, Statement: statementTimeout, IdleInTransaction: idleTimeout,
		Prepare: s.databases.identify, TrustIdle: true, Lookups: true,
	})
	if err != nil {
		return nil, err
	}
	s.watch.running, s.watch.stop = context.WithCancel(ctx)
	return s, nil
}

// Close waits for the connections in use and closes all.
func (s *Store) Close() {
	s.watch.stop()
	s.watch.probes.Wait()
	s.pool.Close()
}

// Ping reports whether Postgres answers. While tills' reads take all slots it is taken to answer, unless it was found to be unavailable.
func (s *Store) Ping(ctx context.Context) error {
	select {
	case s.reads <- struct{}{}:
		defer func() { <-s.reads }()
		return s.read(ctx, func(ctx context.Context) error { return s.pool.Ping(ctx) })
	default:
	}
	if s.Away() {
		return ErrAway
	}
	return nil
}

// read gives a read its time limit and its kind of error, or ErrAway at once. A read whose connection broke while it was idle in the pool is
// tried once more.
func (s *Store) read(ctx context.Context, do func(context.Context) error) error {
	if s.Away() {
		return ErrAway
	}
	return s.ask(ctx, do)
}

// show is read for a till that only looks something up: it waits for one of maxReads slots, a wait that proves nothing about Postgres.
func (s *Store) show(ctx context.Context, do func(context.Context) error) error {
	turn, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	select {
	case s.reads <- struct{}{}:
		defer func() { <-s.reads }()
		return s.read(ctx, do)
	case <-turn.Done():
		return ErrBusy
	}
}

// ErrBusy refuses a read for which no slot came free in time.
var ErrBusy = fault.New(fault.Transient, "too many reads for Postgres to answer in time")

// ask is read even while Postgres counts as unavailable.
func (s *Store) ask(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	began := s.watch.answers.Load()
	err := do(ctx)
	if broken(err) && ctx.Err() == nil {
		s.pool.Reset()
		err = do(ctx)
	}
	s.heard(began, err)
	return kinds.Fault("ask Postgres", err)
}

// KeyOf is what a record is stored under: a terminal and its idempotency key.
type KeyOf struct {
	TerminalID string
	Key        uuid.UUID
}

var (
	//go:embed sql/kept.sql
	keptText string
	keptSQL  = ofRows(keptText)
)

// Kept reads what is stored under keys; a key that is free is not in the answer.
func (s *Store) Kept(ctx context.Context, keys []KeyOf) (map[KeyOf]*Row, error) {
	var kept map[KeyOf]*Row
	err := s.read(ctx, func(ctx context.Context) error {
		terminals, ids := columnsOf(keys)
		rows, err := s.pool.Query(ctx, keptSQL, terminals, ids)
		if err != nil {
			return err
		}
		kept, err = scanKept(rows)
		return err
	})
	return kept, err
}

func columnsOf(keys []KeyOf) (terminals []string, ids [][16]byte) {
	terminals, ids = make([]string, len(keys)), make([][16]byte, len(keys))
	for i, k := range keys {
		terminals[i], ids[i] = k.TerminalID, k.Key
	}
	return terminals, ids
}

func scanKept(rows pgx.Rows) (map[KeyOf]*Row, error) {
	all, err := scanRows(rows)
	kept := make(map[KeyOf]*Row, len(all))
	for _, r := range all {
		kept[r.Under] = r
	}
	return kept, err
}

//go:embed sql/sale.sql
var saleSQL string

// HasRecord reports whether a store has a record.
func (s *Store) HasRecord(ctx context.Context, saleID uuid.UUID, storeID string) (there bool, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx, saleSQL, [16]byte(saleID), storeID).Scan(&there)
	})
	return there, err
}

// Fate is the outcome of a transaction.
type Fate int

// The fates. Unclear means that it is not known yet.
const (
	Unclear Fate = iota
	Committed
	Aborted
)

//go:embed sql/fate.sql
var fateSQL string

// Fate finds out, on another connection, whether the transaction xid with these new sales was committed. Their rows prove it; their absence,
// together with the server's answer that it was aborted, proves the contrary.
func (s *Store) Fate(ctx context.Context, xid string, saleIDs [][16]byte) (Fate, error) {
	fate := Unclear
	err := s.ask(ctx, func(ctx context.Context) error {
		var (
			status *string
			found  int
		)
		if err := s.pool.QueryRow(ctx, fateSQL, xid, saleIDs).Scan(&status, &found); err != nil {
			return err
		}
		switch {
		case found == len(saleIDs):
			fate = Committed
		case status != nil && *status == "aborted":
			fate = Aborted
		}
		return nil
	})
	return fate, err
}

// kinds are the exceptions for a till that waits: what delays a group for longer than it may take is a Conflict, which makes it start over from
// its reads, at once.
var kinds = postgres.Kinds{
	"22012": fault.Conflict, // division by zero: only the guards of our statements divide
	"40":    fault.Conflict, // rolled back in favour of another
	"55P03": fault.Conflict, // lock_timeout
	"57014": fault.Conflict, // statement_timeout
}

// broken reports whether err means that the connection is gone.
func broken(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.SeverityUnlocalized == "FATAL" || pg.SeverityUnlocalized == "PANIC"
	}
	return err != nil && !errors.Is(err, ErrReplaced) && !errors.Is(err, pgx.ErrNoRows) &&
		!errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}
