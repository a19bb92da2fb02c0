package store

import (
	"context"
	_ "embed" // the statements

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Named is how a refund names its sale.
type Named struct {
	SaleID uuid.UUID // or, when Nil,
	Under  KeyOf
}

var (
	//go:embed sql/originals.sql
	originalsText string
	originalsSQL  = ofRows(originalsText)

	//go:embed sql/refund_states_add.sql
	refundStatesAddSQL string
	//go:embed sql/refund_states_lock.sql
	refundStatesLockSQL string
	//go:embed sql/refunds_of.sql
	refundsOfSQL string
)

// Originals reads the records that refunds name.
func (t *Tx) Originals(ctx context.Context, named []Named) ([]*Row, error) {
	var (
		ids  [][16]byte
		keys []KeyOf
	)
	for _, n := range named {
		if n.SaleID != uuid.Nil {
			ids = append(ids, n.SaleID)
			continue
		}
		keys = append(keys, n.Under)
	}
	terminals, uuids := columnsOf(keys)
	var all []*Row
	batch := t.batch()
	batch.Queue(originalsSQL, ids, terminals, uuids).Query(func(rows pgx.Rows) (err error) {
		all, err = scanRows(rows)
		return err
	})
	return all, kinds.Fault("read what refunds name", t.ask(ctx, batch))
}

// Refunded is a sale whose refund state is locked.
type Refunded struct {
	SaleID     uuid.UUID
	TotalMinor int64
}

// RefundState is how much of a sale has been refunded.
type RefundState struct {
	SaleID        uuid.UUID
	TotalMinor    int64
	RefundedMinor int64
	Clawed        int64
	Returned      int64
	Refunds       int      // how many there are
	Bytes         int64    // of their requests
	Requests      [][]byte // theirs, where they are compared with a further one
	Fresh         bool     // made by this transaction's lock: it must not be committed unused
}

// Limits of the refunds of one sale: a group reads them while it holds its locks.
const (
	MaxRefunds     = 500     // a refund of each line
	MaxRefundBytes = 1 << 20 // of requests
)

func (l *Locked) queueRefunds(batch *pgx.Batch, sales []Refunded) {
	ids, totals := make([][16]byte, len(sales)), make([]int64, len(sales))
	for i, s := range sales {
		ids[i], totals[i] = s.SaleID, s.TotalMinor
		l.Refunds[s.SaleID] = &RefundState{SaleID: s.SaleID, TotalMinor: s.TotalMinor}
	}
	var id [16]byte
	batch.Queue(refundStatesAddSQL, ids, totals).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id}, func() error { l.Refunds[id].Fresh = true; return nil })
		return err
	})
	var r RefundState
	batch.Queue(refundStatesLockSQL, ids).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id, &r.TotalMinor, &r.RefundedMinor, &r.Clawed, &r.Returned}, func() error {
			into := l.Refunds[id]
			into.TotalMinor, into.RefundedMinor, into.Clawed, into.Returned = r.TotalMinor, r.RefundedMinor, r.Clawed, r.Returned
			return nil
		})
		return err
	})
	batch.Queue(refundsOfSQL, ids, MaxRefunds).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id, &r.Refunds, &r.Bytes}, func() error {
			l.Refunds[id].Refunds, l.Refunds[id].Bytes = r.Refunds, r.Bytes
			return nil
		})
		return err
	})
}
