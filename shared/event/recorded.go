package event

import (
	"encoding/json"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/sale"
)

// RecordedOf is the event of a committed record, whoever publishes it: the gateway first, and the ledger when it publishes the sale again.
// hash is the facts' sale_hash as it was committed.
func RecordedOf(facts sale.Sale, hash common.Hash, lines []Line, tenders []Tender) SaleRecorded {
	return SaleRecorded{
		SaleID: facts.SaleID, Kind: string(facts.Kind), RefundOf: facts.RefundOf, StoreID: facts.StoreID, TerminalID: facts.TerminalID,
		CustomerID: facts.CustomerID, Currency: facts.Currency, Total: facts.Total, PointsDelta: facts.PointsDelta,
		PointsBalance: facts.PointsBalance, PurchaseNumber: facts.PurchaseNumber, RecordedAt: sale.FormatTime(int64(facts.RecordedAt)),
		RecordNumber: facts.RecordNumber, PreviousHash: facts.PreviousHash, SaleHash: hash, Lines: lines, Tenders: tenders,
	}
}

// LinesOf reads lines and tenders from a record's request as it was received. The gateway has checked it against the rules; an error means
// that it is not such a request, and may quote it.
func LinesOf(request []byte) (lines []Line, tenders []Tender, err error) {
	var record struct {
		Lines   []Line   `json:"lines"`
		Tenders []Tender `json:"tenders"`
	}
	if err := json.Unmarshal(request, &record); err != nil {
		return nil, nil, err
	}
	return record.Lines, record.Tenders, nil
}
