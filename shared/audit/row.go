package audit

import (
	"encoding/hex"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/intact"
)

// row is a record as audit.sale has it.
type row struct {
	intact.Row

	answer      []byte
	occurredAt  string
	terminalSeq *int64
	externalRef string
	minor       int64 // total_minor
}

func (r *row) scan(rows pgx.Rows) error {
	var previous, hash string
	var purchase, number, recorded int64
	f := &r.Facts
	err := rows.Scan(&f.SaleID, &f.Kind, &f.RefundOf, &f.StoreID, &f.TerminalID, &f.CustomerID, &f.Currency, &f.Total, &f.PointsDelta, &f.PointsBalance,
		&purchase, &number, &previous, &recorded, &r.Request, &r.answer, &r.Salt, &hash, &r.Earned, &r.Redeemed, &r.occurredAt, &r.terminalSeq, &r.externalRef,
		&r.minor)
	if err != nil {
		return err
	}
	f.PreviousHash, r.SaleHash = bytesOf(previous), bytesOf(hash).Bytes()
	f.PurchaseNumber, f.RecordNumber, f.RecordedAt = uint64(purchase), uint64(number), uint64(recorded)
	r.Promise = intact.PromiseIn(r.answer)
	return nil
}

// bytesOf reads a hash as the views have it, 0x and hexadecimal digits.
func bytesOf(text string) (h common.Hash) {
	if len(text) == 2+2*common.HashLength {
		_, _ = hex.Decode(h[:], []byte(text[2:])) // what is none is zero, which nothing hashes to
	}
	return h
}
