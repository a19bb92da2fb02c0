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
	Sales    []Sale
	Entries  []Entry
	Accounts []Account     // as they are afterwards
	Before   []int64       // each account's entries as they were read
	Refunds  []RefundState // as they are afterwards
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
)

// Commit writes a group's changes and commits them, in one round trip. When unknown is true nobody answered and Fate must be
// asked; otherwise an error means that nothing was committed, and a Conflict that a key or a sequence number was taken meanwhile.
func (t *Tx) Commit(ctx context.Context, c Changes) (unknown bool, err error) {
	batch := t.batch()
	batch.Queue(salesInsertSQL, saleColumns(c.Sales)...)
	if len(c.Entries) > 0 {
		queueEntries(batch, c.Entries)
	}
	if len(c.Accounts) > 0 {
		queueAccountMoves(batch, c.Accounts, c.Before)
	}
	if len(c.Refunds) > 0 {
		queueRefundMoves(batch, c.Refunds)
	}
	batch.Queue("COMMIT") // the server does not come to it when a statement before it fails
	err = t.send(ctx, batch)
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR":
		return false, kinds.Fault("commit a group", err)
	}
	return true, fault.New(fault.Transient, "COMMIT was not answered: %w", err)
}

func saleColumns(sales []Sale) []any {
	n := len(sales)
	var (
		ids, keys                                                = make([][16]byte, n), make([][16]byte, n)
		refundOf                                                 = make([]*[16]byte, n)
		kinds, stores, terminals, currencies, totals, tokens     = make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		customers, versions, occurred                            = make([]*string, n), make([]*string, n), make([]*string, n)
		seqs                                                     = make([]*int64, n)
		minors, earned, redeemed, deltas, balances, numbers, ats = make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
		requests, prints, salts, hashes, answers                 = make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n), make([][]byte, n)
	)
	for i := range sales {
		s := &sales[i]
		f := &s.Facts
		ids[i], keys[i], seqs[i] = s.ID, s.Under.Key, s.TerminalSeq
		if s.RefundOf != uuid.Nil {
			refundOf[i] = (*[16]byte)(&s.RefundOf)
		}
		kinds[i], stores[i], terminals[i], currencies[i], totals[i], tokens[i] = string(f.Kind), f.StoreID, f.TerminalID, f.Currency, f.Total, s.ReceiptToken
		customers[i], versions[i], occurred[i] = orNull(f.CustomerID), orNull(s.RulesVersion), orNull(s.OccurredAt)
		minors[i], earned[i], redeemed[i] = s.TotalMinor, s.Earned, s.Redeemed
		deltas[i], balances[i], numbers[i], ats[i] = f.PointsDelta, f.PointsBalance, int64(f.PurchaseNumber), int64(f.RecordedAt)
		requests[i], prints[i], salts[i], hashes[i], answers[i] = s.Request, s.Fingerprint[:], f.Salt[:], s.Hash[:], s.Answer
	}
	return []any{
		ids, kinds, refundOf, stores, terminals, keys, seqs, customers, currencies, totals, minors, earned, redeemed, deltas, balances,
		numbers, versions, occurred, ats, requests, prints, salts, hashes, tokens, answers,
	}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func queueEntries(batch *pgx.Batch, entries []Entry) {
	n := len(entries)
	customers, versions, ids := make([]string, n), make([]string, n), make([][16]byte, n)
	numbers, deltas, balances := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, e := range entries {
		customers[i], versions[i], ids[i] = e.CustomerID, e.RulesVersion, e.SaleID
		numbers[i], deltas[i], balances[i] = e.Number, e.Delta, e.Balance
	}
	batch.Queue(entriesInsertSQL, customers, numbers, ids, deltas, balances, versions)
}

func queueAccountMoves(batch *pgx.Batch, accounts []Account, before []int64) {
	n := len(accounts)
	customers := make([]string, n)
	balances, purchases, entries, lasts := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, a := range accounts {
		customers[i], balances[i], purchases[i], entries[i], lasts[i] = a.CustomerID, a.Balance, a.Purchases, a.Entries, a.LastRecordedUS
	}
	batch.Queue(accountsMoveSQL, customers, balances, purchases, entries, lasts, before)
}

func queueRefundMoves(batch *pgx.Batch, refunds []RefundState) {
	n := len(refunds)
	ids := make([][16]byte, n)
	totals, refunded, clawed, returned := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	for i, r := range refunds {
		ids[i], totals[i], refunded[i], clawed[i], returned[i] = r.SaleID, r.TotalMinor, r.RefundedMinor, r.Clawed, r.Returned
	}
	batch.Queue(refundStatesMoveSQL, ids, totals, refunded, clawed, returned)
}
