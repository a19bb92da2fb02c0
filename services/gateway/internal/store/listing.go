package store

import (
	"context"
	_ "embed" // the statements
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var (
	//go:embed sql/record.sql
	recordSQL string
	//go:embed sql/sales_by_ref.sql
	salesByRefSQL string
	//go:embed sql/sales_of_chain.sql
	salesOfChainSQL string
	//go:embed sql/sales_of_store.sql
	salesOfStoreSQL string
)

// WholeRecord is a record as it was sent and answered, with what became of it since.
type WholeRecord struct {
	Kind          string
	RefundOf      uuid.UUID // Nil for a sale and for a return without a receipt
	CustomerID    string    // "" for a guest
	Currency      string
	Request       []byte // as received
	Answer        []byte // the 201's bytes
	RefundedMinor int64
	Refunds       []uuid.UUID // oldest first
}

// Record reads a record of a store; ok is false when the store has no such record.
func (s *Store) Record(ctx context.Context, saleID uuid.UUID, storeID string) (r WholeRecord, ok bool, err error) {
	err = s.show(ctx, func(ctx context.Context) error {
		var (
			refundOf *[16]byte
			customer *string
			refunds  [][16]byte
		)
		err := s.pool.QueryRow(ctx, recordSQL, [16]byte(saleID), storeID).
			Scan(&r.Kind, &refundOf, &customer, &r.Currency, &r.Request, &r.Answer, &r.RefundedMinor, &refunds)
		if ok = err == nil; errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		r.RefundOf, r.CustomerID, r.Refunds = idOf(refundOf), textOf(customer), make([]uuid.UUID, len(refunds))
		for i, id := range refunds {
			r.Refunds[i] = id
		}
		return err
	})
	return r, ok, err
}

// Summary is a record in a list.
type Summary struct {
	Place

	SaleID      uuid.UUID
	Kind        string
	Currency    string
	Total       string
	RefundOf    uuid.UUID // Nil for a sale and for a return without a receipt
	CustomerID  string    // "" for a guest
	ExternalRef string    // "" without one
	TerminalSeq *int64
	OccurredAt  string // "" without one
	Hash        common.Hash
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

// Summaries reads up to limit records of a listing, newest first.
func (s *Store) Summaries(ctx context.Context, l *Listing, limit int) ([]Summary, error) {
	sql, args := salesOfStoreSQL, []any{l.StoreID, l.Before.RecordedAtUS, l.Before.Chain, l.Before.Number, l.SinceUS, limit}
	switch {
	case l.ExternalRef != "":
		sql, args = salesByRefSQL, append(args, l.ExternalRef, l.Chain)
	case l.Chain != "":
		sql, args = salesOfChainSQL, append(args, l.Chain)
	}
	var all []Summary
	err := s.show(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, summary)
		return err
	})
	return all, err
}

func summary(row pgx.CollectableRow) (l Summary, err error) {
	var (
		refundOf                          *[16]byte
		customer, externalRef, occurredAt *string
		hash                              []byte
	)
	err = row.Scan((*[16]byte)(&l.SaleID), &l.Kind, &l.Chain, &l.Number, &l.RecordedAtUS, &l.Currency, &l.Total, &refundOf, &customer, &externalRef,
		&l.TerminalSeq, &occurredAt, &hash)
	l.RefundOf, l.CustomerID, l.ExternalRef, l.OccurredAt = idOf(refundOf), textOf(customer), textOf(externalRef), textOf(occurredAt)
	l.Hash = common.BytesToHash(hash)
	return l, err
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
