package export_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/sale"
)

// firstAt is recorded_at of the first generated record, in Unix microseconds.
const firstAt = 1795322731123456

// leave makes n records of a new till of store s1 as a gateway would leave them, each a second after the one before: sales of one line, every tenth
// a return without a receipt. clock may say otherwise when the n-th is recorded.
func leave(t testing.TB, adminURL, terminal string, n int, clock func(number int) int64) {
	t.Helper()
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, adminURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var previous common.Hash
	salt := common.HexToHash("0x5a17")
	columns := []string{
		"sale_id", "kind", "store_id", "terminal_id", "chain", "record_number", "previous_hash", "idempotency_key", "currency", "total", "total_minor",
		"points_earned", "points_redeemed", "points_delta", "points_balance", "purchase_number", "recorded_at_us", "request", "fingerprint", "salt",
		"sale_hash", "receipt_token", "answer",
	}
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"sales", "sale"}, columns, pgx.CopyFromSlice(n, func(i int) ([]any, error) {
		number := i + 1
		kind := sale.KindSale
		if number%10 == 0 {
			kind = sale.KindRefund
		}
		at := int64(firstAt) + int64(i)*1_000_000
		if clock != nil {
			at = clock(number)
		}
		request := fmt.Appendf(nil, `{"kind":%q,"currency":"INR","total":"1249.50","lines":[{"sku":"TEA-250","name":"Assam tea","quantity":"2",`+
			`"unit_price":"499.75","taxes":[{"rate":"12.5","amount":"125.00"},{"rate":"12.50","amount":"125.00"}]}],`+
			`"tenders":[{"type":"cash","amount":"1249.50"}],"terminal_seq":%d}`,
			kind, number)
		facts := sale.Sale{
			SaleID: uuid.NewString(), Kind: kind, StoreID: "s1", TerminalID: terminal, RecordNumber: uint64(number), PreviousHash: previous, Currency: "INR",
			Total: "1249.50", RecordedAt: uint64(at), RequestHash: sale.Keccak(request), Salt: salt,
		}
		hash := facts.Hash()
		row := []any{
			facts.SaleID, string(kind), "s1", terminal, terminal, number, previous.Bytes(), uuid.NewString(), "INR", "1249.50", 124950,
			0, 0, 0, 0, 0, at, request, make([]byte, 32), salt.Bytes(), hash.Bytes(), "receipt", []byte(`{"loyalty":null,"promise":"x.y.z"}`),
		}
		previous = hash
		return row, nil
	}))
	require.NoError(t, err)
	execute(t, adminURL, "INSERT INTO sales.terminal (terminal_id, store_id) VALUES ($1, 's1')", terminal)
	execute(t, adminURL, "INSERT INTO sales.terminal_head (terminal_id, series, records, head_hash) VALUES ($1, 1, $2, $3)", terminal, n, previous[:])
}
