package schema_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/schema"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// Versions of the schema.
const (
	beforeChains = 12 // of the last build whose sales had no place in a chain
	numbered     = 14 // each sale has its number
	chained      = 16 // each has the hash of the one before
)

// insertBefore is what a gateway of that build does.
const insertBefore = `INSERT INTO sales.sale (sale_id, kind, store_id, terminal_id, idempotency_key, currency, total, total_minor, points_earned,
	points_redeemed, points_delta, points_balance, purchase_number, recorded_at_us, request, fingerprint, salt, sale_hash, receipt_token, answer)
	VALUES ($1, 'sale', 's1', $2, gen_random_uuid(), 'INR', '1.00', 100, 0, 0, 0, 0, 0, $3, '{}', $4, $4, $4, 'x', $5)`

// TestSalesOfBeforeGetTheirPlaceInAChain migrates a shop with more sales than one statement takes, of three tills, and one that is anchored.
func TestSalesOfBeforeGetTheirPlaceInAChain(t *testing.T) {
	url := testkit.OwnPostgres(t).AdminURL("postgres")
	require.NoError(t, schema.MigrateTo(t.Context(), url, beforeChains))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	exec := func(statement string, args ...any) {
		t.Helper()
		_, err := conn.Exec(t.Context(), statement, args...)
		require.NoError(t, err)
	}
	exec(`INSERT INTO sales.terminal (terminal_id, store_id) VALUES ('t1', 's1'), ('t2', 's1'), ('t3', 's2'), ('idle', 's2')`)
	const sales = 2500
	ids := make([]uuid.UUID, sales)
	batch := &pgx.Batch{}
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
		answer := fmt.Sprintf(`{"sale_id":"%s","kind":"sale","store_id":"s1","terminal_id":"t%d","recorded_at":"…","currency":"INR","total":"1.00","loyalty":null,`+
			`"anchor":{"status":"pending","sale_hash":"0x%064x","proof_url":"/sales/%s/proof"},"receipt_url":"/receipts/%s?t=x"}`, ids[i], i%3+1, i, ids[i], ids[i])
		batch.Queue(insertBefore, ids[i], fmt.Sprintf("t%d", i%3+1), i/7, make([]byte, 32), []byte(answer)) // seven at a time
	}
	require.NoError(t, conn.SendBatch(t.Context(), batch).Close())
	exec(`INSERT INTO anchor.deployment (chain_id, genesis_hash, contract, replay) VALUES (1, $1, $2, false)`, make([]byte, 32), make([]byte, 20))
	exec(`INSERT INTO anchor.rate (id, value, currency, tier, sources, observed_at) VALUES ('r', '1', 'INR', 'static', '[]', 'now')`)
	exec(`INSERT INTO anchor.leaf (sale_id, sale_hash, amount_wei, rate_id, store_id) VALUES ($1, $2, 1, 'r', 's1')`, ids[0], make([]byte, 32))

	exec(`INSERT INTO sales.terminal (terminal_id, store_id) VALUES ('operator', 's1')`)
	require.ErrorContains(t, schema.MigrateTo(t.Context(), url, numbered), "this shop has a terminal with the id operator")
	exec(`DELETE FROM sales.terminal WHERE terminal_id = 'operator'`)
	exec(`UPDATE sales.sale SET recorded_at_us = $1 WHERE sale_id = $2`, time.Now().AddDate(1, 0, 0).UnixMicro(), ids[sales-1]) // by a wrong clock
	began := time.Now()
	for version := int64(numbered); version <= chained; version++ {
		require.NoError(t, schema.MigrateTo(t.Context(), url, version))
		_, err := conn.Exec(t.Context(), insertBefore, uuid.Must(uuid.NewV7()), "t1", sales, make([]byte, 32), []byte("{}"))
		refused, _ := errors.AsType[*pgconn.PgError](err)
		require.NotNil(t, refused, "a gateway that still runs is refused from migration %d on: %v", numbered, err)
		require.Equal(t, "57T01", refused.Code, "of a class that is a 503 to its tills")
	}
	require.NoError(t, schema.Migrate(t.Context(), url))
	require.NoError(t, schema.Migrate(t.Context(), url), "once more changes nothing")
	rows, err := conn.Query(t.Context(), `SELECT sale_id::text, terminal_id, record_number, previous_hash, recorded_at_us, salt, sale_hash, answer
		FROM audit.sale ORDER BY terminal_id, record_number`)
	require.NoError(t, err)
	heads, last, seen := map[string]string{}, map[string]uint64{}, 0
	var (
		f              sale.Sale
		previous, hash string
		salt, kept     []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&f.SaleID, &f.TerminalID, &f.RecordNumber, &previous, &f.RecordedAt, &salt, &hash, &kept}, func() error {
		seen++
		require.Equal(t, last[f.TerminalID]+1, f.RecordNumber)
		require.Equal(t, cmp.Or(heads[f.TerminalID], common.Hash{}.Hex()), previous)
		f.Kind, f.StoreID, f.Currency, f.Total = sale.KindSale, "s1", "INR", "1.00"
		f.PreviousHash, f.RequestHash, f.Salt = common.HexToHash(previous), sale.Keccak([]byte("{}")), common.BytesToHash(salt)
		require.Equal(t, f.Hash().Hex(), hash)
		var answer struct {
			SaleID       string `json:"sale_id"`
			RecordNumber uint64 `json:"record_number"`
			PreviousHash string `json:"previous_hash"`
			Anchor       struct {
				SaleHash string `json:"sale_hash"`
				ProofURL string `json:"proof_url"`
			} `json:"anchor"`
		}
		require.NoError(t, json.Unmarshal(kept, &answer))
		require.Equal(t, f.SaleID, answer.SaleID)
		require.Equal(t, "/sales/"+f.SaleID+"/proof", answer.Anchor.ProofURL)
		require.Equal(t, []any{f.RecordNumber, previous, hash}, []any{answer.RecordNumber, answer.PreviousHash, answer.Anchor.SaleHash})
		heads[f.TerminalID], last[f.TerminalID] = hash, f.RecordNumber
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, sales, seen)
	rows, err = conn.Query(t.Context(), `SELECT terminal_id, records, head_hash FROM audit.terminal WHERE records > 0`)
	require.NoError(t, err)
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id, &f.RecordNumber, &hash}, func() error {
		require.Equal(t, []any{last[id], heads[id]}, []any{f.RecordNumber, hash}, id)
		delete(last, id)
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, last, "each has a head")
	var (
		leaves, retired int
		unpromised      int64
	)
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM anchor.leaf),
		(SELECT count(*) FROM anchor.deployment WHERE retired), (SELECT recorded_at_us FROM ledger.unpromised)`).Scan(&leaves, &retired, &unpromised))
	require.Zero(t, leaves, "what was anchored is anchored again")
	require.Equal(t, 1, retired)
	require.WithinRange(t, time.UnixMicro(unpromised), began, time.Now(), "nothing was promised about any of them, and what follows is promised")
}
