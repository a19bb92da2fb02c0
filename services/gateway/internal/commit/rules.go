package commit

import (
	"math/big"
	"strconv"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

// maxBalance is the most that what is earned brings an account to, and what it may owe for a return: every reader of JSON keeps it exact.
const maxBalance = 1<<53 - 1

func refused(code refusal.Code, what, pointer, detail string) *refusal.Error {
	return refusal.New(code, what, refusal.Field{Pointer: pointer, Detail: detail})
}

func invalid(pointer, detail string) *refusal.Error {
	return refused(refusal.InvalidRecord, "the record breaks a rule", pointer, detail)
}

func (s *state) decideSale(it *Item, v *verdict) {
	r := &it.Record
	worth, why := s.worth(r)
	if why == nil {
		why = tendersFit(r, worth, "the redeemed points")
	}
	if why == nil {
		why = s.affords(r, v.account)
	}
	if why != nil {
		v.refused = why
		return
	}
	m := movement{redeemed: r.RedeemPoints}
	if a := v.account; a != nil {
		base, fits := s.rules.Base(r.Total, worth, r.Sums)
		m.purchase = a.Purchases + 1
		due := a.BonusDue || m.purchase == 1
		earned, ok := s.rules.Earn(r.Currency, base, uint64(m.purchase), due)
		if !fits || !ok || earned > 0 && earned > maxBalance-max(a.Balance, 0) {
			v.refused = invalid("/total", "earns more points than an account can hold")
			return
		}
		m.earned, m.bonusDue = earned, due && base == 0
	}
	s.accept(it, v, m)
}

// worth is what a sale's redeemed points pay.
func (s *state) worth(r *record.Record) (money.Minor, *refusal.Error) {
	worth, fits := s.rules.Worth(r.Currency, r.RedeemPoints)
	switch {
	case r.RedeemPoints > 0 && !s.rules.Redeems(r.Currency):
		return 0, invalid("/redeem_points", "cannot be redeemed in "+r.Currency.Code()+": the loyalty rules give a point no worth in it")
	case !fits:
		return 0, invalid("/redeem_points", "are worth more than any total; a point is worth "+s.rules.PointWorth(r.Currency))
	case worth > r.Total:
		return 0, invalid("/redeem_points", "are worth "+r.Currency.Format(worth)+", the total is "+r.Currency.Format(r.Total)+
			"; a point is worth "+s.rules.PointWorth(r.Currency))
	}
	return worth, nil
}

// tendersFit checks that the tenders pay what points don't.
func tendersFit(r *record.Record, worth money.Minor, points string) *refusal.Error {
	due := max(r.Total-worth, 0)
	if r.Tendered == nil || r.Tendered.Is(due) {
		return nil
	}
	c := r.Currency
	detail := "add up to " + c.FormatSum(*r.Tendered) + ", the total is " + c.Format(r.Total)
	if worth > 0 {
		detail += ", of which " + points + " pay " + c.Format(worth)
	}
	return refused(refusal.TotalsMismatch, record.Mismatch, "/tenders", detail)
}

// affords checks that a sale redeems what there is. One that was made offline has happened: it may redeem more, within a limit.
func (s *state) affords(r *record.Record, a *store.Account) *refusal.Error {
	if a == nil {
		return nil
	}
	past, most := r.RedeemPoints-max(a.Balance, 0), int64(0)
	if r.Offline {
		most = s.rules.OfflineRedeemMax()
	}
	if past <= most {
		return nil
	}
	detail := "are " + strconv.FormatInt(r.RedeemPoints, 10) + ", the balance is " + strconv.FormatInt(a.Balance, 10)
	if r.Offline {
		detail += ", and at most " + strconv.FormatInt(most, 10) + " more may be redeemed offline"
	}
	return refused(refusal.FewPoints, "the customer does not have enough points", "/redeem_points", detail)
}

// decideAdjustment decides an operator's correction, which takes no balance below zero.
func (s *state) decideAdjustment(it *Item, v *verdict) {
	points, balance := it.Record.Points, v.account.Balance
	switch {
	case points < 0 && points < -max(balance, 0):
		v.refused = refused(refusal.FewPoints, "an adjustment takes no balance below zero", "/points",
			"is "+strconv.FormatInt(points, 10)+", the balance is "+strconv.FormatInt(balance, 10))
	case points > 0 && points > maxBalance-max(balance, 0):
		v.refused = invalid("/points", "is more than an account can hold")
	default:
		s.accept(it, v, movement{earned: points})
	}
}

// decideReturn decides a return without a receipt.
func (s *state) decideReturn(it *Item, v *verdict) {
	r := &it.Record
	if v.refused = tendersFit(r, 0, ""); v.refused != nil {
		return
	}
	m := movement{}
	if a := v.account; a != nil {
		clawed, ok := s.rules.Claw(r.Currency, r.Total)
		if !ok || clawed > 0 && a.Balance < clawed-maxBalance {
			v.refused = invalid("/total", "claws back more points than an account can owe")
			return
		}
		m.earned = -clawed
	}
	s.accept(it, v, m)
}

func (s *state) decideRefund(it *Item, o *original, v *verdict) {
	r, past := &it.Record, v.refund
	if v.refused = refundable(it, o); v.refused != nil {
		return
	}
	c := r.Currency
	switch left := past.TotalMinor - past.RefundedMinor; {
	case int64(r.Total) > left:
		v.refused = exceeds("/total", "is "+c.Format(r.Total)+", of the sale's "+c.Format(money.Minor(past.TotalMinor))+" only "+c.Format(money.Minor(left))+
			" is left to refund")
	case past.Refunds >= store.MaxRefunds:
		v.refused = exceeds("", "is one too many: a sale has at most "+strconv.Itoa(store.MaxRefunds)+" refunds")
	case past.Bytes > store.MaxRefundBytes:
		v.refused = exceeds("", "is one too many: the sale's refunds have more than "+strconv.Itoa(store.MaxRefundBytes>>20)+" MiB together")
	default:
		v.refused = s.goodsFit(r, o, past)
	}
	if v.refused != nil {
		return
	}
	refunded := past.RefundedMinor + int64(r.Total)
	clawed := loyalty.Share(o.Earned, money.Minor(refunded), money.Minor(past.TotalMinor))
	returned := loyalty.Share(o.Redeemed, money.Minor(refunded), money.Minor(past.TotalMinor))
	m := movement{earned: -(clawed - past.Clawed), redeemed: -(returned - past.Returned), original: o}
	if v.refused = s.paysBack(r, o, past.RefundedMinor, refunded); v.refused != nil {
		return
	}
	past.RefundedMinor, past.Clawed, past.Returned, past.Refunds, past.Bytes = refunded, clawed, returned, past.Refunds+1, past.Bytes+int64(len(r.Raw))
	if back := s.returned[o.SaleID]; back != nil {
		back.Add(r.Lines)
	}
	s.accept(it, v, m)
}

// paysBack checks the tenders of a refund, what the shopper gets back beside the points: its share of what the sale took beside them. The share is
// that of all refunds until now, less what those before had, so that all parts together pay back what was taken, and never more.
func (s *state) paysBack(r *record.Record, o *original, before, after int64) *refusal.Error {
	if r.Tendered == nil {
		return nil
	}
	points, known := s.paidByPoints(r.Currency, o)
	if !known {
		return invalid("/tenders", "can't be checked: the sale has no tenders, and the loyalty rules no longer say what its points paid; leave the tenders out")
	}
	share := func(refunded int64) money.Minor {
		return money.Minor(loyalty.Share(int64(points), money.Minor(refunded), money.Minor(o.TotalMinor)))
	}
	return tendersFit(r, share(after)-share(before), "the returned points")
}

// paidByPoints is what the points that a sale redeemed paid of it: by its own tenders, since the rules may have changed, and where it has none by
// the rules of today.
func (s *state) paidByPoints(c money.Currency, o *original) (paid money.Minor, known bool) {
	if o.Redeemed <= 0 {
		return 0, true
	}
	if paid, known = s.byPoints[o.SaleID]; known {
		return paid, true
	}
	total := money.Minor(o.TotalMinor)
	if paid, known = beside(c, total, o.Request); !known {
		if paid, known = s.rules.Worth(c, o.Redeemed); !known {
			return 0, false
		}
		paid = min(paid, total)
	}
	s.byPoints[o.SaleID] = paid
	return paid, true
}

// beside is what a sale's tenders leave of its total; known is false where it has none.
func beside(c money.Currency, total money.Minor, request []byte) (left money.Minor, known bool) {
	sent, err := event.SentOf(request)
	if err != nil || len(sent.Tenders) == 0 {
		return 0, false
	}
	left = total
	for i := range sent.Tenders {
		m, err := c.Parse(sent.Tenders[i].Amount)
		if err != nil {
			return 0, false
		}
		left -= m
	}
	return left, left >= 0
}

// refundable checks what a refund names.
func refundable(it *Item, o *original) *refusal.Error {
	r, pointer := &it.Record, "/refund_of"
	if r.RefundOfKey != noKey {
		pointer = "/refund_of_key"
	}
	switch {
	case o == nil && pointer == "/refund_of_key":
		return refused(refusal.NotFound, "this terminal has recorded nothing under the key", pointer,
			"is no key of terminal "+it.TerminalID+": a key belongs to the terminal that sent it; name another terminal's sale by its sale_id, in refund_of")
	case o == nil:
		return refused(refusal.NotFound, "the store has no such sale", pointer, "names no sale")
	case o.StoreID != it.StoreID:
		return refused(refusal.NotFound, "the store has no such sale", pointer, "names a sale of another store, whose terminals alone can refund it")
	case o.Kind != sale.KindSale:
		return invalid(pointer, "names a "+string(o.Kind)+"; only a sale can be refunded")
	case o.Currency != r.Currency.Code():
		return invalid("/currency", "is "+r.Currency.Code()+", the sale's is "+o.Currency)
	}
	return nil
}

func exceeds(pointer, detail string) *refusal.Error {
	return refused(refusal.RefundExceeds, "the sale's refunds would exceed it", pointer, detail)
}

// hasGoods reports whether a record says which goods it is of.
func hasGoods(r *record.Record) bool {
	for i := range r.Lines {
		if _, ok := record.Goods(&r.Lines[i]); ok {
			return true
		}
	}
	return false
}

// goodsFit checks that no more of a sku comes back than was sold, where the sale and the refund say which goods they are of.
func (s *state) goodsFit(r *record.Record, o *original, past *store.RefundState) *refusal.Error {
	if !hasGoods(r) {
		return nil
	}
	sold, back := s.goods(o, past)
	if len(sold) == 0 {
		return nil
	}
	here := make(record.Quantities)
	for i := range r.Lines {
		line := &r.Lines[i]
		n, ok := record.Goods(line)
		if !ok {
			continue
		}
		here.AddOf(line.SKU, n)
		all := new(big.Int).Add(here.Of(line.SKU), back.Of(line.SKU))
		if all.Cmp(sold.Of(line.SKU)) <= 0 {
			continue
		}
		member := "/quantity"
		if line.Quantity == "" {
			member = "/sku"
		}
		return exceeds("/lines/"+strconv.Itoa(i)+member, "brings what comes back of this sku to "+record.FormatQuantity(all)+", the sale has "+
			record.FormatQuantity(sold.Of(line.SKU)))
	}
	return nil
}

// goods are what a sale sold of each sku, and what came back of it so far.
func (s *state) goods(o *original, past *store.RefundState) (sold, back record.Quantities) {
	id := o.SaleID
	if s.sold[id] == nil {
		s.sold[id], s.returned[id] = goodsOf(o.Request), goodsOf(past.Requests...)
	}
	return s.sold[id], s.returned[id]
}

// goodsOf adds up what requests, which were checked when they came, have of each sku.
func goodsOf(requests ...[]byte) record.Quantities {
	all := make(record.Quantities)
	for _, request := range requests {
		if sent, err := event.SentOf(request); err == nil {
			all.Add(sent.Lines)
		}
	}
	return all
}
