// Package tripwire finds what was changed behind the services' back, before anybody shows it or builds on it (infra/docs/CONTRACT.md, 3.5).
package tripwire

import (
	"bytes"
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

// Kinds are the alarms that a Wire's user raises.
var Kinds = []string{intact.Sale, intact.Answer, intact.Account, intact.Head, intact.Refunds, intact.Chain}

// Wire checks rows by the shop's keys and raises the alarm. It is safe for concurrent use.
type Wire struct {
	Keyring *intact.Keyring
	Alarm   *intact.Alarm
}

// Checked knows which rows are not intact.
type Checked struct{ wrong map[*store.Row]error }

// Check checks rows, with an alarm for each that is not intact. The error is one of reading the keys, without which nothing is known.
func (w *Wire) Check(ctx context.Context, rows ...*store.Row) (Checked, error) {
	c := Checked{}
	if len(rows) == 0 {
		return c, nil
	}
	of := make([]*intact.Row, len(rows))
	for i, r := range rows {
		of[i] = &r.Row
	}
	wrong, err := w.Keyring.Check(ctx, of...)
	if err != nil {
		return c, err
	}
	for i, r := range rows {
		if wrong[i] == nil && !r.HasMinor(r.TotalMinor) {
			wrong[i] = intact.ErrTotal
		}
		if wrong[i] == nil {
			continue
		}
		if c.wrong == nil {
			c.wrong = make(map[*store.Row]error)
		}
		c.wrong[r] = wrong[i]
		w.Alarm.Raise(intact.Sale, "sale_id", r.Facts.SaleID, "error", wrong[i])
	}
	return c, nil
}

// Answer returns what is wrong with a record's stored answer, nil when it says what its row says, with the alarm.
func (w *Wire) Answer(r *store.Row) error {
	err := r.CheckAnswer(r.Answer)
	if err != nil {
		w.Alarm.Raise(intact.Answer, "sale_id", r.Facts.SaleID)
	}
	return err
}

// Of returns what is wrong with a row that was checked, nil when it is intact.
func (c Checked) Of(r *store.Row) error { return c.wrong[r] }

// Account reports whether an account says what its customer's last entry says, and that what its record says, and of purchases what the last one
// says. A bonus waits only after a purchase that earned nothing.
func (c Checked) Account(a *store.Account, last store.LastEntry, records []*store.Row) bool {
	if a.Entries == 0 {
		return last.Number == 0 && a.Balance == 0 && a.Purchases == 0 && a.LastRecordedUS == 0 && !a.BonusDue
	}
	var of, purchase *store.Row
	for _, r := range records {
		if c.wrong[r] != nil || r.Facts.CustomerID != a.CustomerID {
			return false
		}
		if r.ID == last.SaleID {
			of = r
		}
		if r.Facts.PurchaseNumber > 0 && (purchase == nil || r.Facts.PurchaseNumber > purchase.Facts.PurchaseNumber) {
			purchase = r
		}
	}
	switch {
	case of == nil, a.Entries != last.Number, a.Balance != last.Balance, a.Balance != of.Facts.PointsBalance, last.Delta != of.Facts.PointsDelta,
		a.LastRecordedUS != int64(of.Facts.RecordedAt):
		return false
	case purchase != nil:
		return a.Purchases == int64(purchase.Facts.PurchaseNumber) && (!a.BonusDue || purchase.Earned == 0)
	}
	return a.Entries > store.MaxWithoutPurchase || a.Purchases == 0 && !a.BonusDue
}

// Head reports whether a head is its chain's last record.
func (c Checked) Head(h *store.Head, last *store.Row) bool {
	if last == nil {
		return h.Records == 0 && h.Hash == (common.Hash{})
	}
	return c.wrong[last] == nil && last.Facts.TerminalID == sale.Chain(h.TerminalID, h.Series) && int64(last.Facts.RecordNumber) == h.Records &&
		bytes.Equal(last.SaleHash, h.Hash[:])
}

// Refunds reports whether a refund state is what the refunds of a sale come to, all of them intact and of this sale and its customer.
func (c Checked) Refunds(state *store.RefundState, of *store.Row, refunds []*store.Row) bool {
	refunded, delta := int64(0), int64(0)
	for _, r := range refunds {
		f := &r.Facts
		if c.wrong[r] != nil || f.Kind != sale.KindRefund || f.RefundOf != of.Facts.SaleID || f.CustomerID != of.Facts.CustomerID ||
			f.Currency != of.Facts.Currency || r.TotalMinor > of.TotalMinor-refunded {
			return false
		}
		refunded, delta = refunded+r.TotalMinor, delta+f.PointsDelta
	}
	clawed, returned := int64(0), int64(0)
	if refunded > 0 && of.Earned >= 0 && of.Redeemed >= 0 {
		clawed = loyalty.Share(of.Earned, money.Minor(refunded), money.Minor(of.TotalMinor))
		returned = loyalty.Share(of.Redeemed, money.Minor(refunded), money.Minor(of.TotalMinor))
	}
	return len(refunds) == state.Refunds && state.TotalMinor == of.TotalMinor && state.RefundedMinor == refunded && state.Clawed == clawed &&
		state.Returned == returned && delta == returned-clawed
}
