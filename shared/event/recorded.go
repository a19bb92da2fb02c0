package event

import (
	"encoding/json"
	"errors"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// Points are what a record did to its customer's points; 0 for a guest.
type Points struct {
	Earned, Redeemed int64
}

// RecordedOf is the event of a committed record, whoever publishes it: the gateway first, and the ledger when it publishes the sale again.
// hash is the facts' sale_hash as it was committed.
func RecordedOf(facts sale.Sale, hash common.Hash, points Points, sent Sent) SaleRecorded {
	return SaleRecorded{
		SaleID: facts.SaleID, Kind: string(facts.Kind), RefundOf: facts.RefundOf, StoreID: facts.StoreID, TerminalID: facts.TerminalID,
		CustomerID: facts.CustomerID, Currency: facts.Currency, Total: facts.Total, PointsDelta: facts.PointsDelta,
		PointsBalance: facts.PointsBalance, PurchaseNumber: facts.PurchaseNumber, RecordedAt: sale.FormatTime(int64(facts.RecordedAt)),
		RecordNumber: facts.RecordNumber, PreviousHash: facts.PreviousHash, SaleHash: hash, Sent: sent,
		PointsEarned: points.Earned, PointsRedeemed: points.Redeemed,
	}
}

var errNotARecord = errors.New("the request is not a record")

// SentOf reads what an event repeats from a record's request as it was received. The gateway has checked it against the rules of its day, which
// may have been others; an error means that it is no such request, and may quote it.
func SentOf(request []byte) (Sent, error) {
	var read struct {
		Sent

		TerminalSeq json.Number `json:"terminal_seq"` // to JSON 200.0 and 2e2 are the number 200 too
	}
	if err := json.Unmarshal(request, &read); err != nil {
		return Sent{}, err
	}
	if read.TerminalSeq != "" {
		seq, ok := strictjson.Integer(read.TerminalSeq.String())
		if !ok {
			return Sent{}, errNotARecord
		}
		read.Sent.TerminalSeq = &seq
	}
	return read.Sent, nil
}
