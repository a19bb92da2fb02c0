package store

import (
	"context"
	_ "embed" // the statements
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/sale"
)

// Sale is a new row of sales.sale.
type Sale struct {
	Facts        sale.Sale
	Hash         common.Hash // of Facts
	ID           uuid.UUID
	RefundOf     uuid.UUID // Nil for a sale
	Under        KeyOf
	TerminalSeq  *int64
	TotalMinor   int64
	Earned       int64
	Redeemed     int64
	RulesVersion string // "" for a guest
	OccurredAt   string
	Request      []byte
	Fingerprint  record.Fingerprint
	ReceiptToken string
	Answer       []byte
}

// Entry is a new row of sales.loyalty_entry.
type Entry struct {
	CustomerID   string
	Number       int64
	SaleID       uuid.UUID
	Delta        int64
	Balance      int64
	RulesVersion string
}

// Changes are everything that a group writes.
type Changes struct {
	Sales    []*Sale
	Entries  []Entry
	Accounts []Account     // as they are afterwards
	Before   []int64       // each account's entries as they were read
	Refunds  []RefundState // as they are afterwards
	Heads    []Head        // as they are afterwards
	Numbers  []int64       // each head's records as they were read
	Keys     []PromiseKey
}

var (
	//go:embed sql/sales_insert.sql
	salesInsertSQL string
	//go:embed sql/entries_insert.sql
	entriesInsertSQL string
	//go:embed sql/accounts_move.sql
	accountsMoveSQL string
	//go:embed sql/refund_states_move.sql
	refundStatesMoveSQL string
	//go:embed sql/heads_move.sql
	headsMoveSQL string
)

// Move writes a group's entries, accounts and heads. Commit does it where it was not done: it is apart from the records, so that Postgres is
// busy with it while their answers are still being signed.
func (t *Tx) Move(ctx context.Context, c *Changes) error {
	batch := t.batch()
	t.queueMoves(batch, c)
	return kinds.Fault("move what a group changes", t.ask(ctx, batch))
}

func (t *Tx) queueMoves(batch *pgx.Batch, c *Changes) {
	t.moved = true
	if len(c.Entries) > 0 {
		batch.Queue(entriesInsertSQL, entryColumns(c.Entries))
	}
	if len(c.Accounts) > 0 {
		batch.Queue(accountsMoveSQL, accountColumns(c.Accounts, c.Before))
	}
	batch.Queue(headsMoveSQL, headColumns(c.Heads, c.Numbers))
}

// Commit writes a group's changes and commits them, in one round trip. When unknown is true there was no answer and Fate must be
// asked; otherwise an error means that nothing was committed, and a Conflict that a key or a sequence number was taken meanwhile.
func (t *Tx) Commit(ctx context.Context, c *Changes) (unknown bool, err error) {
	batch := t.batch()
	if !t.moved {
		t.queueMoves(batch, c)
	}
	batch.Queue(salesInsertSQL, saleColumns(c.Sales))
	if len(c.Refunds) > 0 { // after the sales that they are of
		batch.Queue(refundStatesMoveSQL, refundColumns(c.Refunds))
	}
	if len(c.Keys) > 0 {
		batch.Queue(promiseKeysInsertSQL, keyColumns(c.Keys))
	}
	batch.Queue("COMMIT") // not executed when a statement before it fails
	err = t.send(ctx, batch)
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR":
		return false, kinds.Fault("commit a group", err)
	}
	return true, fault.New(fault.Transient, "COMMIT got no answer: %w", err)
}

// salesColumn is postgres.Column of rows that are pointed to.
func salesColumn[V any](sales []*Sale, field func(*Sale) V) []V {
	return postgres.Column(sales, func(s **Sale) V { return field(*s) })
}

func saleColumns(sales []*Sale) pgx.NamedArgs {
	return pgx.NamedArgs{
		"sale_id":         salesColumn(sales, func(s *Sale) [16]byte { return s.ID }),
		"kind":            salesColumn(sales, func(s *Sale) string { return string(s.Facts.Kind) }),
		"refund_of":       salesColumn(sales, func(s *Sale) *[16]byte { return idOrNull(&s.RefundOf) }),
		"store_id":        salesColumn(sales, func(s *Sale) string { return s.Facts.StoreID }),
		"terminal_id":     salesColumn(sales, func(s *Sale) string { return s.Under.TerminalID }),
		"chain":           salesColumn(sales, func(s *Sale) string { return s.Facts.TerminalID }),
		"record_number":   salesColumn(sales, func(s *Sale) int64 { return int64(s.Facts.RecordNumber) }),
		"previous_hash":   salesColumn(sales, func(s *Sale) []byte { return s.Facts.PreviousHash[:] }),
		"idempotency_key": salesColumn(sales, func(s *Sale) [16]byte { return s.Under.Key }),
		"terminal_seq":    salesColumn(sales, func(s *Sale) *int64 { return s.TerminalSeq }),
		"customer_id":     salesColumn(sales, func(s *Sale) *string { return orNull(s.Facts.CustomerID) }),
		"currency":        salesColumn(sales, func(s *Sale) string { return s.Facts.Currency }),
		"total":           salesColumn(sales, func(s *Sale) string { return s.Facts.Total }),
		"total_minor":     salesColumn(sales, func(s *Sale) int64 { return s.TotalMinor }),
		"points_earned":   salesColumn(sales, func(s *Sale) int64 { return s.Earned }),
		"points_redeemed": salesColumn(sales, func(s *Sale) int64 { return s.Redeemed }),
		"points_delta":    salesColumn(sales, func(s *Sale) int64 { return s.Facts.PointsDelta }),
		"points_balance":  salesColumn(sales, func(s *Sale) int64 { return s.Facts.PointsBalance }),
		"purchase_number": salesColumn(sales, func(s *Sale) int64 { return int64(s.Facts.PurchaseNumber) }),
		"rules_version":   salesColumn(sales, func(s *Sale) *string { return orNull(s.RulesVersion) }),
		"occurred_at":     salesColumn(sales, func(s *Sale) *string { return orNull(s.OccurredAt) }),
		"recorded_at_us":  salesColumn(sales, func(s *Sale) int64 { return int64(s.Facts.RecordedAt) }),
		"request":         salesColumn(sales, func(s *Sale) []byte { return s.Request }),
		"fingerprint":     salesColumn(sales, func(s *Sale) []byte { return s.Fingerprint[:] }),
		"salt":            salesColumn(sales, func(s *Sale) []byte { return s.Facts.Salt[:] }),
		"sale_hash":       salesColumn(sales, func(s *Sale) []byte { return s.Hash[:] }),
		"receipt_token":   salesColumn(sales, func(s *Sale) string { return s.ReceiptToken }),
		"answer":          salesColumn(sales, func(s *Sale) []byte { return s.Answer }),
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func idOrNull(id *uuid.UUID) *[16]byte {
	if *id == uuid.Nil {
		return nil
	}
	return (*[16]byte)(id)
}

func entryColumns(entries []Entry) pgx.NamedArgs {
	return pgx.NamedArgs{
		"customer_id":    postgres.Column(entries, func(e *Entry) string { return e.CustomerID }),
		"entry_number":   postgres.Column(entries, func(e *Entry) int64 { return e.Number }),
		"sale_id":        postgres.Column(entries, func(e *Entry) [16]byte { return e.SaleID }),
		"points_delta":   postgres.Column(entries, func(e *Entry) int64 { return e.Delta }),
		"points_balance": postgres.Column(entries, func(e *Entry) int64 { return e.Balance }),
		"rules_version":  postgres.Column(entries, func(e *Entry) string { return e.RulesVersion }),
	}
}

// accountColumns has the accounts as they are afterwards, and each account's entries as they were read before.
func accountColumns(accounts []Account, before []int64) pgx.NamedArgs {
	return pgx.NamedArgs{
		"customer_id":      postgres.Column(accounts, func(a *Account) string { return a.CustomerID }),
		"points_balance":   postgres.Column(accounts, func(a *Account) int64 { return a.Balance }),
		"purchases":        postgres.Column(accounts, func(a *Account) int64 { return a.Purchases }),
		"entries":          postgres.Column(accounts, func(a *Account) int64 { return a.Entries }),
		"last_recorded_us": postgres.Column(accounts, func(a *Account) int64 { return a.LastRecordedUS }),
		"entries_before":   before,
	}
}

func refundColumns(refunds []RefundState) pgx.NamedArgs {
	return pgx.NamedArgs{
		"sale_id":         postgres.Column(refunds, func(r *RefundState) [16]byte { return r.SaleID }),
		"total_minor":     postgres.Column(refunds, func(r *RefundState) int64 { return r.TotalMinor }),
		"refunded_minor":  postgres.Column(refunds, func(r *RefundState) int64 { return r.RefundedMinor }),
		"points_clawed":   postgres.Column(refunds, func(r *RefundState) int64 { return r.Clawed }),
		"points_returned": postgres.Column(refunds, func(r *RefundState) int64 { return r.Returned }),
	}
}

// headColumns has the heads as they are afterwards, and each head's records as they were read before.
func headColumns(heads []Head, before []int64) pgx.NamedArgs {
	return pgx.NamedArgs{
		"terminal_id":    postgres.Column(heads, func(h *Head) string { return h.TerminalID }),
		"series":         postgres.Column(heads, func(h *Head) int64 { return h.Series }),
		"records":        postgres.Column(heads, func(h *Head) int64 { return h.Records }),
		"head_hash":      postgres.Column(heads, func(h *Head) []byte { return h.Hash[:] }),
		"records_before": before,
	}
}
