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
	SeqHolder    uuid.UUID // the earlier record that has TerminalSeq, which was sent again offline; else Nil
	ExternalRef  string
	TotalMinor   int64
	Shortfall    int64 // of the balance, where more was redeemed offline; not stored but in the answer
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

	salesInsert, entriesInsert, accountsMove       = named(salesInsertSQL), named(entriesInsertSQL), named(accountsMoveSQL)
	refundStatesMove, headsMove, promiseKeysInsert = named(refundStatesMoveSQL), named(headsMoveSQL), named(promiseKeysInsertSQL)
)

// Move writes a large group's entries, accounts and heads. Commit does it where it was not done: it is apart from the records, so that Postgres
// is busy with it while their answers are still being signed.
func (t *Tx) Move(ctx context.Context, c *Changes) error {
	batch := t.batch()
	t.queueMoves(batch, c)
	return kinds.Fault("move what a group changes", t.ask(ctx, batch))
}

func (t *Tx) queueMoves(batch *pgx.Batch, c *Changes) {
	t.moved = true
	if len(c.Entries) > 0 {
		entriesInsert.queue(batch, entryColumns(c.Entries))
	}
	if len(c.Accounts) > 0 {
		accountsMove.queue(batch, accountColumns(c.Accounts, c.Before))
	}
	headsMove.queue(batch, headColumns(c.Heads, c.Numbers))
}

const commit = "COMMIT" // not executed when a statement before it fails

// Commit writes a group's changes and commits them, in one round trip but for refunds in a group that was moved. When unknown is true there was
// no answer and Fate must be asked; otherwise an error means that nothing was committed, and a Conflict that a key or a sequence number was
// taken meanwhile.
func (t *Tx) Commit(ctx context.Context, c *Changes) (unknown bool, err error) {
	batch, copied := t.batch(), t.moved
	if !copied {
		t.queueMoves(batch, c)
		salesInsert.queue(batch, arraysOf(c.Sales))
	}
	if len(c.Refunds) > 0 { // after the sales that they are of
		refundStatesMove.queue(batch, refundColumns(c.Refunds))
	}
	if len(c.Keys) > 0 {
		promiseKeysInsert.queue(batch, keyColumns(c.Keys))
	}
	if copied && batch.Len() == 0 {
		err = t.copySales(ctx, c.Sales, commit)
	} else {
		if copied {
			if err := t.copySales(ctx, c.Sales, ""); err != nil {
				return false, kinds.Fault("send a group's sales", err)
			}
		}
		batch.Queue(commit)
		err = t.send(ctx, batch)
	}
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR":
		return false, kinds.Fault("commit a group", err)
	}
	return true, fault.New(fault.Transient, "COMMIT got no answer: %w", err)
}

func entryColumns(entries []Entry) map[string]any {
	return map[string]any{
		"customer_id":    postgres.Column(entries, func(e *Entry) string { return e.CustomerID }),
		"entry_number":   postgres.Column(entries, func(e *Entry) int64 { return e.Number }),
		"sale_id":        postgres.Column(entries, func(e *Entry) [16]byte { return e.SaleID }),
		"points_delta":   postgres.Column(entries, func(e *Entry) int64 { return e.Delta }),
		"points_balance": postgres.Column(entries, func(e *Entry) int64 { return e.Balance }),
		"rules_version":  postgres.Column(entries, func(e *Entry) string { return e.RulesVersion }),
	}
}

// accountColumns has the accounts as they are afterwards, and each account's entries as they were read before.
func accountColumns(accounts []Account, before []int64) map[string]any {
	return map[string]any{
		"customer_id":      postgres.Column(accounts, func(a *Account) string { return a.CustomerID }),
		"points_balance":   postgres.Column(accounts, func(a *Account) int64 { return a.Balance }),
		"purchases":        postgres.Column(accounts, func(a *Account) int64 { return a.Purchases }),
		"entries":          postgres.Column(accounts, func(a *Account) int64 { return a.Entries }),
		"last_recorded_us": postgres.Column(accounts, func(a *Account) int64 { return a.LastRecordedUS }),
		"bonus_due":        postgres.Column(accounts, func(a *Account) bool { return a.BonusDue }),
		"entries_before":   before,
	}
}

func refundColumns(refunds []RefundState) map[string]any {
	return map[string]any{
		"sale_id":         postgres.Column(refunds, func(r *RefundState) [16]byte { return r.SaleID }),
		"total_minor":     postgres.Column(refunds, func(r *RefundState) int64 { return r.TotalMinor }),
		"refunded_minor":  postgres.Column(refunds, func(r *RefundState) int64 { return r.RefundedMinor }),
		"points_clawed":   postgres.Column(refunds, func(r *RefundState) int64 { return r.Clawed }),
		"points_returned": postgres.Column(refunds, func(r *RefundState) int64 { return r.Returned }),
	}
}

// headColumns has the heads as they are afterwards, and each head's records as they were read before.
func headColumns(heads []Head, before []int64) map[string]any {
	return map[string]any{
		"terminal_id":    postgres.Column(heads, func(h *Head) string { return h.TerminalID }),
		"series":         postgres.Column(heads, func(h *Head) int64 { return h.Series }),
		"records":        postgres.Column(heads, func(h *Head) int64 { return h.Records }),
		"head_hash":      postgres.Column(heads, func(h *Head) []byte { return h.Hash[:] }),
		"records_before": before,
	}
}
