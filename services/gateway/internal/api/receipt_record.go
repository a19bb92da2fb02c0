package api

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

// shownRecord is a record as its receipt's page shows it: no salt, no note and no metadata, and of the customer what the shop lets it show.
type shownRecord struct {
	Kind         sale.Kind      `json:"kind"`
	StoreID      string         `json:"store_id"`
	TerminalID   string         `json:"terminal_id"` // with its series, as it is hashed
	RecordNumber uint64         `json:"record_number"`
	PreviousHash common.Hash    `json:"previous_hash"`
	SaleHash     string         `json:"sale_hash"`
	Promise      string         `json:"promise,omitempty"`
	RecordedAt   string         `json:"recorded_at"`
	OccurredAt   string         `json:"occurred_at,omitempty"` // by the till's clock, where it said so
	Offline      bool           `json:"offline,omitempty"`
	Currency     string         `json:"currency"`
	Digits       int            `json:"digits"` // of the currency's fraction
	Total        string         `json:"total"`
	RefundOf     string         `json:"refund_of,omitempty"`
	Reference    string         `json:"reference,omitempty"`
	Lines        []event.Line   `json:"lines"` // as the till sent them
	Tenders      []event.Tender `json:"tenders"`
	Points       *shownPoints   `json:"points,omitempty"` // absent where no customer's moved
}

type shownPoints struct {
	Earned    int64  `json:"earned"`
	Redeemed  int64  `json:"redeemed"`
	Worth     string `json:"worth,omitempty"`     // of those that were redeemed, where its loyalty rules are still this gateway's
	Shortfall int64  `json:"shortfall,omitempty"` // redeemed beyond the balance
	Balance   *int64 `json:"balance,omitempty"`
	Customer  string `json:"customer_id,omitempty"`
}

// shown is what the page of an intact record says.
func (s *Server) shown(h *held) *shownRecord {
	f := &h.row.Facts
	r := &shownRecord{
		Kind: f.Kind, StoreID: f.StoreID, TerminalID: f.TerminalID, RecordNumber: f.RecordNumber, PreviousHash: f.PreviousHash,
		SaleHash: common.BytesToHash(h.row.SaleHash).Hex(), Promise: h.row.Promise, RecordedAt: sale.FormatTime(int64(f.RecordedAt)),
		Currency: f.Currency, Total: f.Total, RefundOf: f.RefundOf, Lines: []event.Line{}, Tenders: []event.Tender{},
	}
	currency, err := money.ParseRecorded(f.Currency)
	if err != nil {
		return r
	}
	r.Digits = currency.Digits()
	if sent, err := event.SentOf(h.row.Request); err == nil { // it was valid when it was recorded; otherwise the page is shown without lines
		r.Reference, r.OccurredAt, r.Offline = sent.ExternalRef, sent.OccurredAt, sent.Offline
		r.Lines, r.Tenders = append(r.Lines, sent.Lines...), append(r.Tenders, sent.Tenders...)
	}
	if f.CustomerID != "" {
		r.Points = s.points(h.row, h.rules, currency)
	}
	return r
}

func (s *Server) points(r *store.Row, rules string, currency money.Currency) *shownPoints {
	p := &shownPoints{Earned: r.Earned, Redeemed: r.Redeemed}
	if s.Receipts.Shop.ShowCustomer {
		p.Customer = r.Facts.CustomerID
	}
	if s.Receipts.Shop.ShowBalance {
		p.Balance = &r.Facts.PointsBalance
	}
	if r.Facts.Kind != sale.KindSale || r.Redeemed == 0 {
		return p
	}
	if worth, known := s.Rules.Worth(currency, r.Redeemed); known && rules == s.Rules.Version {
		p.Worth = currency.Format(worth)
	}
	if p.Balance != nil { // which the shortfall tells
		p.Shortfall = max(0, r.Redeemed-max(0, r.Facts.PointsBalance-r.Earned+r.Redeemed))
	}
	return p
}
