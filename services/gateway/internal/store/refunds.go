package store

import (
	"context"
	_ "embed" // the statements

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/sale"
)

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
	Request       []byte // as received; nil unless it is needed (Named)
	customer      *string
	id, underUUID [16]byte
}

// Named is how a refund names its sale.
type Named struct {
	SaleID uuid.UUID // or, when Nil,
	Under  KeyOf
	Lines  bool // whether it has goods that are compared with the sale's
	Paid   bool // and tenders, that are compared with those of a sale that redeemed points: for either the sale's request is read
}

var (
	//go:embed sql/originals.sql
	originalsSQL string
	//go:embed sql/refund_states_add.sql
	refundStatesAddSQL string
	//go:embed sql/refund_states_lock.sql
	refundStatesLockSQL string
	//go:embed sql/refunds_of.sql
	refundsOfSQL string
)

// Originals reads the records that refunds name.
func (t *Tx) Originals(ctx context.Context, named []Named) ([]Original, error) {
	var (
		ids                                        [][16]byte
		keys                                       []KeyOf
		linesByID, paidByID, linesByKey, paidByKey []bool
	)
	for _, n := range named {
		if n.SaleID != uuid.Nil {
			ids, linesByID, paidByID = append(ids, n.SaleID), append(linesByID, n.Lines), append(paidByID, n.Paid)
			continue
		}
		keys, linesByKey, paidByKey = append(keys, n.Under), append(linesByKey, n.Lines), append(paidByKey, n.Paid)
	}
	terminals, uuids := columnsOf(keys)
	var all []Original
	batch := t.batch()
	batch.Queue(originalsSQL, ids, linesByID, paidByID, terminals, uuids, linesByKey, paidByKey).Query(func(rows pgx.Rows) (err error) {
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

// Refunded is a sale whose refund state is locked.
type Refunded struct {
	SaleID     uuid.UUID
	TotalMinor int64
	Requests   bool // whether those of its refunds are asked for
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
