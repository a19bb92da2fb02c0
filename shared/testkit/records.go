package testkit

import (
	"context"
	_ "embed" // the statements
	"fmt"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
)

// Records are many records of guests at a till, as a gateway would have left them: chained, hashed and signed.
type Records struct {
	Terminal string
	Count    int
	Key      *promise.Key                                         // that signs; nil for one that is made and published
	Request  func(number uint64) (kind sale.Kind, request []byte) // of 1249.50 INR; nil for sales of one line
	At       func(number uint64) int64                            // recorded_at in Unix microseconds; nil for a second after the one before
}

var (
	//go:embed sql/till_made.sql
	tillMadeSQL string
	//go:embed sql/head_made.sql
	headMadeSQL string
	//go:embed sql/head_read.sql
	headReadSQL string
	//go:embed sql/head_moved.sql
	headMovedSQL string
)

// recordsFrom is recorded_at of the first of Records, in Unix microseconds.
const recordsFrom = 1_795_322_731_123_456

var recordColumns = []string{
	"sale_id", "kind", "store_id", "terminal_id", "chain", "record_number", "previous_hash", "idempotency_key", "terminal_seq", "occurred_at", "currency",
	"total", "total_minor", "points_earned", "points_redeemed", "points_delta", "points_balance", "purchase_number", "recorded_at_us", "request",
	"fingerprint", "salt", "sale_hash", "receipt_token", "answer",
}

// Leave writes them behind the last record of their till, which is made in store s1 where there is none, as the admin of a database.
func (r Records) Leave(t testing.TB, adminURL string) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		t.Fatalf("testkit: connect to leave records: %v", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(ctx, statement, args...); err != nil {
			t.Fatalf("testkit: leave records: %v", err)
		}
	}
	exec(tillMadeSQL, r.Terminal)
	exec(headMadeSQL, r.Terminal)
	if r.Key == nil {
		r.Key = promises()
		exec(keyPublishedSQL, r.Key.ID(), string(r.Key.JWK().Bytes()))
	}
	var (
		head   []byte
		number uint64
	)
	if err := conn.QueryRow(ctx, headReadSQL, r.Terminal).Scan(&number, &head); err != nil {
		t.Fatalf("testkit: read the till's head: %v", err)
	}
	previous := common.BytesToHash(head)
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"sales", "sale"}, recordColumns, pgx.CopyFromSlice(r.Count, func(int) ([]any, error) {
		number++
		row, hash, err := r.row(number, previous)
		previous = hash
		return row, err
	}))
	if err != nil {
		t.Fatalf("testkit: leave records: %v", err)
	}
	exec(headMovedSQL, r.Terminal, number, previous[:])
}

// row is the record with a number, and its hash.
func (r Records) row(number uint64, previous common.Hash) ([]any, common.Hash, error) {
	kind, request := sale.KindSale, fmt.Appendf(nil, `{"currency":"INR","total":"1249.50","lines":[{"sku":"TEA-250","name":"Assam tea","quantity":"2",`+
		`"unit_price":"624.75"}],"tenders":[{"type":"cash","amount":"1249.50"}],"terminal_seq":%d}`, number)
	if r.Request != nil {
		kind, request = r.Request(number)
	}
	at := int64(recordsFrom) + int64(number)*time.Second.Microseconds()
	if r.At != nil {
		at = r.At(number)
	}
	sent, err := event.SentOf(request)
	if err != nil {
		return nil, common.Hash{}, err
	}
	salt := sale.Keccak(fmt.Appendf(nil, "%s %d", r.Terminal, number))
	facts := sale.Sale{
		SaleID: uuid.Must(uuid.NewV7()).String(), Kind: kind, StoreID: "s1", TerminalID: r.Terminal, RecordNumber: number, PreviousHash: previous,
		Currency: "INR", Total: "1249.50", RecordedAt: uint64(at), RequestHash: sale.Keccak(request), Salt: salt,
	}
	hash := facts.Hash()
	signed := r.Key.SignSale(promise.Sale{
		Issuer: "https://shop.example", SaleID: facts.SaleID, SaleHash: hash, StoreID: "s1", TerminalID: r.Terminal, RecordNumber: number,
		IssuedAt: time.UnixMicro(at).Unix(), AnchorBy: time.UnixMicro(at).Unix() + 1,
	})
	unreferenced := ""
	if kind == sale.KindRefund {
		unreferenced = `"unreferenced":true,`
	}
	answer := fmt.Appendf(nil, `{"sale_id":%q,"kind":%q,"store_id":"s1","terminal_id":%q,"recorded_at":%q,"currency":"INR","total":"1249.50","loyalty":null,%s`+
		`"record_number":%d,"previous_hash":%q,"anchor":{"status":"pending","sale_hash":%q,"proof_url":"/sales/%s/proof"},"promise":%q,`+
		`"receipt_url":"/receipts/%s?t=token"}`, facts.SaleID, kind, r.Terminal, sale.FormatTime(at), unreferenced, number, previous.Hex(), hash.Hex(),
		facts.SaleID, signed, facts.SaleID)
	return []any{
		facts.SaleID, string(kind), "s1", r.Terminal, r.Terminal, number, previous.Bytes(), uuid.NewString(), sent.TerminalSeq, optional(sent.OccurredAt), "INR",
		"1249.50", 124950, 0, 0, 0, 0, 0, at, request, make([]byte, 32), salt.Bytes(), hash.Bytes(), "token", answer,
	}, hash, nil
}
