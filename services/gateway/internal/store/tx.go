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

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
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

// Original is a committed record that a refund may name.
type Original struct {
	SaleID        uuid.UUID
	Kind          sale.Kind
	StoreID       string
	Under         KeyOf
	CustomerID    string // "" for a guest
	Currency      string
	TotalMinor    int64
	Earned        int64
	Redeemed      int64
	RecordedAtUS  int64
	Request       []byte // as received; nil unless it was asked for
	customer      *string
	id, underUUID [16]byte
}

// Named is how a refund names its sale.
type Named struct {
	SaleID uuid.UUID // or, when Nil,
	Under  KeyOf
	Lines  bool // whether the sale's request is asked for too
}

//go:embed sql/originals.sql
var originalsSQL string

// Originals reads the records that refunds name.
func (t *Tx) Originals(ctx context.Context, named []Named) ([]Original, error) {
	var (
		ids                        [][16]byte
		keys                       []KeyOf
		requestsByID, requestByKey []bool
	)
	for _, n := range named {
		if n.SaleID != uuid.Nil {
			ids, requestsByID = append(ids, n.SaleID), append(requestsByID, n.Lines)
			continue
		}
		keys, requestByKey = append(keys, n.Under), append(requestByKey, n.Lines)
	}
	terminals, uuids := columnsOf(keys)
	var all []Original
	batch := t.batch()
	batch.Queue(originalsSQL, ids, requestsByID, terminals, uuids, requestByKey).Query(func(rows pgx.Rows) (err error) {
		all, err = scanOriginals(rows)
		return err
	})
	return all, kinds.Fault("read what refunds name", t.ask(ctx, batch))
}

func scanOriginals(rows pgx.Rows) ([]Original, error) {
	var (
		all []Original
		o   Original
	)
	_, err := pgx.ForEachRow(rows, []any{
		&o.id, &o.Kind, &o.StoreID, &o.Under.TerminalID, &o.underUUID, &o.customer, &o.Currency, &o.TotalMinor, &o.Earned, &o.Redeemed, &o.RecordedAtUS,
		&o.Request,
	}, func() error {
		read := o
		read.SaleID, read.Under.Key = o.id, o.underUUID
		if o.customer != nil {
			read.CustomerID = *o.customer
		}
		all = append(all, read)
		return nil
	})
	return all, err
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

// Refunded is a sale whose refund state is locked.
type Refunded struct {
	SaleID     uuid.UUID
	TotalMinor int64
	Requests   bool // whether those of its refunds are asked for
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
}

// RefundState is how much of a sale has been refunded.
type RefundState struct {
	SaleID        uuid.UUID
	TotalMinor    int64
	RefundedMinor int64
	Clawed        int64
	Returned      int64
	Refunds       int      // how many there are
	Requests      [][]byte // theirs as received, where they were asked for
	TooLarge      bool     // and more than MaxRefundBytes of them, so that some are missing
	Fresh         bool     // made by this transaction's lock: it must not be committed unused
}

// Limits of the refunds of one sale: a group reads them while it holds its locks.
const (
	MaxRefunds     = 500     // a refund of each line
	MaxRefundBytes = 1 << 20 // of requests
)

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
	Kept     map[KeyOf]record.Kept
	Seqs     map[SeqOf]uuid.UUID // the record that has the number
}

var (
	//go:embed sql/refund_states_add.sql
	refundStatesAddSQL string
	//go:embed sql/refund_states_lock.sql
	refundStatesLockSQL string
	//go:embed sql/accounts_lock.sql
	accountsLockSQL string
	//go:embed sql/heads_lock.sql
	headsLockSQL string
	//go:embed sql/refunds_of.sql
	refundsOfSQL string
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

func (l *Locked) queueRefunds(batch *pgx.Batch, sales []Refunded) {
	ids, totals, requests := make([][16]byte, len(sales)), make([]int64, len(sales)), make([]bool, len(sales))
	for i, s := range sales {
		ids[i], totals[i], requests[i] = s.SaleID, s.TotalMinor, s.Requests
		l.Refunds[s.SaleID] = &RefundState{SaleID: s.SaleID, TotalMinor: s.TotalMinor}
	}
	var id [16]byte
	batch.Queue(refundStatesAddSQL, ids, totals).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error { l.Refunds[id].Fresh = true; return nil })
		return err
	})
	var r RefundState
	batch.Queue(refundStatesLockSQL, ids).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id, &r.RefundedMinor, &r.Clawed, &r.Returned}, func() error {
			into := l.Refunds[id]
			into.RefundedMinor, into.Clawed, into.Returned = r.RefundedMinor, r.Clawed, r.Returned
			return nil
		})
		return err
	})
	batch.Queue(refundsOfSQL, ids, requests, MaxRefunds, MaxRefundBytes).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id, &r.Refunds, &r.Requests, &r.TooLarge}, func() error {
			into := l.Refunds[id]
			into.Refunds, into.Requests, into.TooLarge = r.Refunds, r.Requests, r.TooLarge
			r.Requests = nil
			return nil
		})
		return err
	})
}

func (l *Locked) queueAccounts(batch *pgx.Batch, customers []string) {
	var a Account
	batch.Queue(accountsLockSQL, customers).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&a.CustomerID, &a.Balance, &a.Purchases, &a.Entries, &a.LastRecordedUS, &a.BonusDue, &a.Fresh}, func() error {
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
