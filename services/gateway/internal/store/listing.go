package store

import (
	"cmp"
	"context"
	_ "embed" // the statements
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/record.sql
	recordText string
	//go:embed sql/refunds.sql
	refundsText string
	//go:embed sql/sales_by_ref.sql
	salesByRefText string
	//go:embed sql/sales_of_chain.sql
	salesOfChainText string
	//go:embed sql/sales_of_store.sql
	salesOfStoreText string

	recordSQL, refundsSQL                           = ofRows(recordText), ofRows(refundsText)
	salesByRefSQL, salesOfChainSQL, salesOfStoreSQL = ofRows(salesByRefText), ofRows(salesOfChainText), ofRows(salesOfStoreText)
)

// Record reads a record of a store with its refunds, the oldest first; nil when the store has no such record. A sale has at most MaxRefunds, or as
// many as an earlier build took.
func (s *Store) Record(ctx context.Context, saleID uuid.UUID, storeID string) (r *Row, refunds []*Row, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		r, refunds = nil, nil
		batch := &pgx.Batch{}
		batch.Queue(recordSQL, [16]byte(saleID), storeID).Query(func(rows pgx.Rows) error {
			all, err := scanRows(rows)
			if len(all) > 0 {
				r = all[0]
			}
			return err
		})
		batch.Queue(refundsSQL, [16]byte(saleID), storeID).Query(func(rows pgx.Rows) (err error) {
			refunds, err = scanRows(rows)
			slices.SortFunc(refunds, func(a, b *Row) int {
				return cmp.Or(cmp.Compare(a.Facts.RecordedAt, b.Facts.RecordedAt), cmp.Compare(a.Facts.TerminalID, b.Facts.TerminalID),
					cmp.Compare(a.Facts.RecordNumber, b.Facts.RecordNumber))
			})
			return err
		})
		return s.pool.SendBatch(ctx, batch).Close()
	})
	return r, refunds, err
}

// Place is where a record stands among its store's: records of one moment are in the order of their chains and numbers.
type Place struct {
	RecordedAtUS int64
	Chain        string // of a place that is no record's "", which comes before every chain
	Number       int64
}

// Listing says which of a store's records are listed.
type Listing struct {
	StoreID     string
	Chain       string // "" for all
	ExternalRef string // "" for any, and none
	SinceUS     int64
	Before      Place
}

// Place is where a record stands in a listing.
func (r *Row) Place() Place {
	return Place{RecordedAtUS: int64(r.Facts.RecordedAt), Chain: r.Facts.TerminalID, Number: int64(r.Facts.RecordNumber)}
}

// listedBytes is how many bytes of requests a page of records or entries has: what is shown is checked first, which takes as long as it is large.
const listedBytes = 1 << 20

// Sales reads the first of up to limit records of a listing, newest first; listed is how many there are of these.
func (s *Store) Sales(ctx context.Context, l *Listing, limit int) (all []*Row, listed int, err error) {
	sql, args := salesOfStoreSQL, []any{l.StoreID, l.Before.RecordedAtUS, l.Before.Chain, l.Before.Number, l.SinceUS, limit}
	switch {
	case l.ExternalRef != "":
		sql, args = salesByRefSQL, append(args, l.ExternalRef, l.Chain)
	case l.Chain != "":
		sql, args = salesOfChainSQL, append(args, l.Chain)
	}
	err = s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sql, append(args, listedBytes)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		all, listed = nil, 0
		for rows.Next() {
			r, err := scanRow(rows, &listed)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		return rows.Err()
	})
	return all, listed, err
}

// idOf is an id that may be null, Nil then.
func idOf(id *[16]byte) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

// textOf is a text that may be null, "" then.
func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
