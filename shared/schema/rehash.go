package schema

import (
	"context"
	"database/sql"
	_ "embed" // the statements
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/sale"
)

const (
	rehashVersion = 15
	rehashRows    = 1000 // of one statement
)

var (
	//go:embed sql/rehash_read.sql
	rehashReadSQL string
	//go:embed sql/rehash_write.sql
	rehashWriteSQL string
	//go:embed sql/rehash_index.sql
	rehashIndexSQL string
	//go:embed sql/rehash_done.sql
	rehashDoneSQL string
)

// rehash gives sales that were recorded before there were chains their place in one: the number that the migration before has dealt out, the
// hash of the record before and the sale_hash that follows, which their answers show too. It is Go because Postgres has no keccak256. Such a
// sale has no promise: the shop had no key.
func rehash(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, rehashIndexSQL); err != nil {
		return err
	}
	var at place
	for {
		n, err := at.rehash(ctx, tx)
		if err != nil {
			return err
		}
		if n < rehashRows {
			_, err := tx.ExecContext(ctx, rehashDoneSQL)
			return err
		}
	}
}

// place is the last record that has been hashed.
type place struct {
	chain  string
	number uint64
	hash   common.Hash
}

// rehash hashes the rows that follow and returns how many there were.
func (p *place) rehash(ctx context.Context, tx *sql.Tx) (n int, err error) {
	rows, err := tx.QueryContext(ctx, rehashReadSQL, p.chain, int64(p.number), rehashRows)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var (
		ids                       []string
		previous, hashes, answers [][]byte
		request, salt, kept       []byte
	)
	for rows.Next() {
		var f sale.Sale
		if err := rows.Scan(&f.SaleID, &f.Kind, &f.RefundOf, &f.StoreID, &f.TerminalID, &f.RecordNumber, &f.CustomerID, &f.Currency, &f.Total,
			&f.PointsDelta, &f.PointsBalance, &f.PurchaseNumber, &f.RecordedAt, &request, &salt, &kept); err != nil {
			return 0, err
		}
		if f.TerminalID == p.chain {
			f.PreviousHash = p.hash
		}
		f.RequestHash, f.Salt = sale.Keccak(request), common.BytesToHash(salt)
		*p = place{chain: f.TerminalID, number: f.RecordNumber, hash: f.Hash()}
		answer, err := rechain(kept, f.RecordNumber, f.PreviousHash, p.hash)
		if err != nil {
			return 0, fmt.Errorf("the answer of sale %s can't be read", f.SaleID) // the cause may quote it
		}
		before, hash := f.PreviousHash, p.hash
		ids, previous, hashes, answers = append(ids, f.SaleID), append(previous, before[:]), append(hashes, hash[:]), append(answers, answer)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(ids) == 0 {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, rehashWriteSQL, ids, previous, hashes, answers)
	return len(ids), err
}

// rechain writes a kept answer with its place in the chain.
func rechain(answer []byte, number uint64, previous, hash common.Hash) ([]byte, error) {
	var a struct {
		SaleID       json.RawMessage `json:"sale_id"`
		Kind         json.RawMessage `json:"kind"`
		StoreID      json.RawMessage `json:"store_id"`
		TerminalID   json.RawMessage `json:"terminal_id"`
		RecordedAt   json.RawMessage `json:"recorded_at"`
		Currency     json.RawMessage `json:"currency"`
		Total        json.RawMessage `json:"total"`
		Loyalty      json.RawMessage `json:"loyalty"`
		RecordNumber uint64          `json:"record_number"`
		PreviousHash common.Hash     `json:"previous_hash"`
		Anchor       struct {
			Status   json.RawMessage `json:"status"`
			SaleHash common.Hash     `json:"sale_hash"`
			ProofURL json.RawMessage `json:"proof_url"`
		} `json:"anchor"`
		ReceiptURL json.RawMessage `json:"receipt_url"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, err
	}
	a.RecordNumber, a.PreviousHash, a.Anchor.SaleHash = number, previous, hash
	return json.Marshal(a)
}
