package reconcile

import (
	"encoding/json"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
)

// Sale is a committed sale that is to go through the pipeline again.
type Sale struct {
	SaleID, Kind, RefundOf, StoreID, TerminalID, CustomerID, Currency, Total string
	PointsDelta, PointsBalance, PurchaseNumber                               int64
	RecordedAtUs                                                             int64
	SaleHash, Request, Salt                                                  []byte
}

// Intact reports whether the row still is what its sale_hash was made of.
func (s Sale) Intact() bool {
	return sale.Intact(sale.Sale{
		SaleID: s.SaleID, Kind: sale.Kind(s.Kind), RefundOf: s.RefundOf, StoreID: s.StoreID, TerminalID: s.TerminalID, CustomerID: s.CustomerID,
		Currency: s.Currency, Total: s.Total, PointsDelta: s.PointsDelta, PointsBalance: s.PointsBalance, PurchaseNumber: uint64(s.PurchaseNumber),
		RecordedAt: uint64(s.RecordedAtUs),
	}, s.Request, s.Salt, s.SaleHash)
}

// Recorded is the event that the gateway published, or would have, of a sale that is Intact: lines and tenders are those of the request. When that
// can't be read the event goes without them and the error is Fatal.
func (s Sale) Recorded() (event.SaleRecorded, error) {
	e := event.SaleRecorded{
		SaleID: s.SaleID, Kind: s.Kind, RefundOf: s.RefundOf, StoreID: s.StoreID, TerminalID: s.TerminalID, CustomerID: s.CustomerID,
		Currency: s.Currency, Total: s.Total, PointsDelta: s.PointsDelta, PointsBalance: s.PointsBalance, PurchaseNumber: uint64(s.PurchaseNumber),
		RecordedAt: sale.FormatTime(s.RecordedAtUs), SaleHash: common.BytesToHash(s.SaleHash),
	}
	var request struct {
		Lines   []event.Line   `json:"lines"`
		Tenders []event.Tender `json:"tenders"`
	}
	if err := json.Unmarshal(s.Request, &request); err != nil {
		return e, fault.New(fault.Fatal, "the stored request of sale %s is no record", s.SaleID) // the cause may quote it
	}
	e.Lines, e.Tenders = request.Lines, request.Tenders
	return e, nil
}
