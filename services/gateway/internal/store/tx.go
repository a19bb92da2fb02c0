package store

import (
	"context"
	_ "embed" // the statements
	"errors"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/fault"
)

// Tx is one group's transaction, in two round trips: BEGIN goes out with the locks, COMMIT with the changes. Every path ends in
// Rollback, which does nothing after a COMMIT.
type Tx struct {
	store *Store
	conn  *pgxpool.Conn
	begun bool
	moved bool   // Move was sent
	xid   uint64 // set by Lock, for Fate
}

// Begin takes a connection for a transaction (READ COMMITTED, the server's default), which its first statements open. The error is ErrAway, at
// once, while Postgres is unavailable.
func (s *Store) Begin(ctx context.Context) (*Tx, error) {
	if s.Away() {
		return nil, ErrAway
	}
	ctx, cancel := context.WithTimeout(ctx, acquireTimeout)
	defer cancel()
	began := s.watch.answers.Load()
	conn, err := s.take(ctx)
	if err != nil {
		s.heard(began, err)
		return nil, kinds.Fault("take a connection", err)
	}
	return &Tx{store: s, conn: conn}, nil
}

// Rollback rolls back and releases the connection.
func (t *Tx) Rollback(ctx context.Context) {
	const idle = 'I' // the protocol's status of a connection outside a transaction
	if conn := t.conn.Conn(); !conn.IsClosed() && conn.PgConn().TxStatus() != idle {
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		_, _ = conn.Exec(ctx, "ROLLBACK") // a connection that can't send it is closed, and the server rolls back
	}
	t.conn.Release()
}

// batch begins a round trip.
func (t *Tx) batch() *pgx.Batch {
	batch := &pgx.Batch{}
	if !t.begun {
		batch.Queue("BEGIN")
		t.begun = true
	}
	return batch
}

// send ends it.
func (t *Tx) send(ctx context.Context, batch *pgx.Batch) error {
	return t.hear(func() error { return t.conn.SendBatch(ctx, batch).Close() })
}

// hear runs a round trip. When a connection broke, perhaps while it was idle, the others may have too: the next try gets a new one.
func (t *Tx) hear(roundTrip func() error) error {
	began := t.store.watch.answers.Load()
	err := roundTrip()
	t.store.heard(began, err)
	if broken(err) {
		t.store.pool.Reset()
	}
	return err
}

// ask sends the reads before the COMMIT, which a healthy server answers within the round trip's limit.
func (t *Tx) ask(ctx context.Context, batch *pgx.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, roundTrip)
	defer cancel()
	return t.send(ctx, batch)
}

// SeqOf is a terminal's own number for a record.
type SeqOf struct {
	TerminalID string
	Seq        int64
}

// Wanted is what a group needs for its decisions.
type Wanted struct {
	Refunded  []Refunded
	Customers []string // whose accounts are locked
	Terminals []string // whose heads are locked
	Keys      []KeyOf
	Seqs      []SeqOf
}

// Account is a customer's loyalty account.
type Account struct {
	CustomerID     string
	Balance        int64
	Purchases      int64
	Entries        int64
	LastRecordedUS int64
	BonusDue       bool // the first purchase has been, and earned on nothing
	Fresh          bool // made by this transaction's lock: it must not be committed unused
	Begun          bool // it says that it has no entry, and has one
}

// Head is where a terminal's chain of records ends.
type Head struct {
	TerminalID string
	Series     int64
	Records    int64       // of the series: the number of the last one
	Hash       common.Hash // sale_hash of the last one; zero while there is none
}

// Locked is what the database holds once everything wanted is locked.
type Locked struct {
	Refunds  map[uuid.UUID]*RefundState
	Accounts map[string]*Account
	Heads    map[string]*Head // by terminal
	Kept     map[KeyOf]*Row
	Seqs     map[SeqOf]uuid.UUID // the record that has the number
}

var (
	//go:embed sql/accounts_lock.sql
	accountsLockSQL string
	//go:embed sql/heads_lock.sql
	headsLockSQL string
	//go:embed sql/seqs.sql
	seqsSQL string
	//go:embed sql/hung_end.sql
	hungEndSQL string
)

const lockNotAvailable = "55P03" // lock_timeout (Postgres's manual, appendix A)

// Lock takes every lock in the one global order, refund states before accounts before heads and each sorted, and then reads keys and
// sequence numbers: statement by statement, so that each sees what was committed while it waited. One round trip. It is a Conflict when
// another gateway made one of the accounts meanwhile. What is wanted is sorted, and each once.
func (t *Tx) Lock(ctx context.Context, w Wanted) (Locked, error) {
	l := Locked{
		Refunds: make(map[uuid.UUID]*RefundState), Accounts: make(map[string]*Account),
		Heads: make(map[string]*Head), Seqs: make(map[SeqOf]uuid.UUID),
	}
	batch := t.batch()
	if len(w.Refunded) > 0 {
		l.queueRefunds(batch, w.Refunded)
	}
	if len(w.Customers) > 0 {
		l.queueAccounts(batch, w.Customers)
	}
	l.queueHeads(batch, w.Terminals, &t.xid)
	terminals, ids := columnsOf(w.Keys)
	batch.Queue(keptSQL, terminals, ids).Query(func(rows pgx.Rows) (err error) {
		l.Kept, err = scanKept(rows)
		return err
	})
	if len(w.Seqs) > 0 {
		l.queueSeqs(batch, w.Seqs)
	}
	if err := t.ask(ctx, batch); err != nil {
		t.store.endHung(ctx, err)
		return l, kinds.Fault("lock and read for a group", err)
	}
	if len(l.Accounts) < len(w.Customers) {
		return l, fault.New(fault.Conflict, "another gateway has just made an account")
	}
	return l, nil
}

// endHung is called with what a wait for locks came to. When its time was up, what holds them may be a gateway that Postgres waits for.
func (s *Store) endHung(ctx context.Context, err error) {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == lockNotAvailable {
		_ = s.read(ctx, func(ctx context.Context) error { // the next try waits for the locks, and says so
			_, err := s.pool.Exec(ctx, hungEndSQL, idleTimeout)
			return err
		})
	}
}

func (l *Locked) queueAccounts(batch *pgx.Batch, customers []string) {
	var a Account
	batch.Queue(accountsLockSQL, customers).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&a.CustomerID, &a.Balance, &a.Purchases, &a.Entries, &a.LastRecordedUS, &a.BonusDue, &a.Fresh, &a.Begun}, func() error {
			read := a
			l.Accounts[a.CustomerID] = &read
			return nil
		})
		return err
	})
}

func (l *Locked) queueHeads(batch *pgx.Batch, terminals []string, xid *uint64) {
	var (
		h    Head
		hash []byte
	)
	batch.Queue(headsLockSQL, terminals).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&h.TerminalID, &h.Series, &h.Records, &hash, xid}, func() error {
			read := h
			read.Hash = common.BytesToHash(hash)
			l.Heads[h.TerminalID] = &read
			return nil
		})
		return err
	})
}

func (l *Locked) queueSeqs(batch *pgx.Batch, seqs []SeqOf) {
	terminals, numbers := make([]string, len(seqs)), make([]int64, len(seqs))
	for i, s := range seqs {
		terminals[i], numbers[i] = s.TerminalID, s.Seq
	}
	var (
		s  SeqOf
		id [16]byte
	)
	batch.Queue(seqsSQL, terminals, numbers).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&s.TerminalID, &s.Seq, &id}, func() error { l.Seqs[s] = id; return nil })
		return err
	})
}

// XID is the transaction's id once Lock has locked a head.
func (t *Tx) XID() string { return strconv.FormatUint(t.xid, 10) }
