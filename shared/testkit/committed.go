package testkit

import (
	"context"
	_ "embed" // the statements
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
)

// Committed is a sale as a gateway has committed it. What is not set is made up.
type Committed struct {
	sale.Sale
	SaleHash common.Hash // the facts' when it is not set
	Request  []byte      // as received
}

var committedColumns = []string{
	"sale_id", "kind", "refund_of", "store_id", "terminal_id", "idempotency_key", "customer_id", "currency", "total", "total_minor",
	"points_earned", "points_redeemed", "points_delta", "points_balance", "purchase_number", "recorded_at_us", "request", "fingerprint", "salt",
	"sale_hash", "receipt_token", "answer", "chain", "record_number", "previous_hash",
}

// Commit writes sales behind the gateway's back, as the admin or role gateway of a URL: the anchor journals leaves of committed sales only.
func Commit(t testing.TB, url string, sales ...Committed) {
	t.Helper()
	rows := make([][]any, 0, len(sales))
	for _, s := range sales {
		rows = append(rows, s.row(t))
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("testkit: connect to commit sales: %v", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	jwk := promises().JWK()
	if _, err := conn.Exec(t.Context(), keyPublishedSQL, jwk.Kid, string(jwk.Bytes())); err != nil {
		t.Fatalf("testkit: publish the key of promises: %v", err)
	}
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"sales", "sale"}, committedColumns, pgx.CopyFromRows(rows)); err != nil {
		t.Fatalf("testkit: commit sales: %v", err)
	}
}

func (s Committed) row(t testing.TB) []any {
	t.Helper()
	currency, err := money.ParseRecorded(s.Currency)
	if err != nil {
		t.Fatalf("testkit: the currency of a sale: %v", err)
	}
	minor, err := currency.Parse(s.Total)
	if err != nil {
		t.Fatalf("testkit: the total of a sale: %v", err)
	}
	if s.Kind == "" {
		s.Kind = sale.KindSale
	}
	if s.RecordNumber == 0 {
		s.RecordNumber = numbers.Add(1)
	}
	hash := s.SaleHash
	if hash == (common.Hash{}) {
		hash = s.Hash()
	}
	fingerprint := sale.Keccak(s.Request)
	return []any{
		uuid.MustParse(s.SaleID), string(s.Kind), optional(s.RefundOf), s.StoreID, s.TerminalID, uuid.New(), optional(s.CustomerID), s.Currency, s.Total,
		int64(minor),
		s.PointsDelta, int64(0), s.PointsDelta, s.PointsBalance, int64(s.PurchaseNumber), int64(s.RecordedAt), append([]byte{}, s.Request...),
		fingerprint[:], s.Salt[:],
		hash[:], "token",
		s.answer(hash), s.TerminalID, int64(s.RecordNumber), s.PreviousHash[:],
	}
}

//go:embed sql/key_published.sql
var keyPublishedSQL string

// promises is the key that signs what Commit commits.
var promises = sync.OnceValue(func() *promise.Key {
	key, err := promise.ParseKey(promise.NewKeyPEM())
	if err != nil {
		panic(err) // not for a key that was made here
	}
	return key
})

// answer is as much of a 201 as the services behind the gateway read of one: the promise.
func (s *Committed) answer(hash common.Hash) []byte {
	at := time.UnixMicro(int64(s.RecordedAt))
	return fmt.Appendf(nil, `{"promise":%q}`, promises().SignSale(promise.Sale{
		Issuer: "https://shop.example", SaleID: s.SaleID, SaleHash: hash, StoreID: s.StoreID, TerminalID: s.TerminalID, RecordNumber: s.RecordNumber,
		IssuedAt: at.Unix(), AnchorBy: at.Unix() + 1,
	}))
}

// numbers gives each record a number of its own. They are not dense, unlike a gateway's: nothing behind the gateway minds.
var numbers atomic.Uint64

// optional is null for what is absent.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
