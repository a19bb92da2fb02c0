package commit

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/tripwire"
	"github.com/tillseal/tillseal/shared/intact"
)

// The refusals of what was changed behind the services' back. Trying again changes nothing: somebody must look.
var (
	errAlteredKept    = refusal.New(refusal.Altered, "what is stored under this Idempotency-Key was changed behind the shop's back: an operator must look")
	errAlteredSale    = refusal.New(refusal.Altered, "the sale that this is a refund of was changed behind the shop's back: an operator must look")
	errAlteredRefunds = refusal.New(refusal.Altered, "what is stored of the sale's refunds was changed behind the shop's back: an operator must look")
	errAlteredAccount = refusal.New(refusal.Altered, "what is stored of the customer's points was changed behind the shop's back: an operator must look")
	errAlteredHead    = refusal.New(refusal.Altered, "what is stored of this terminal's records was changed behind the shop's back: an operator must look")
)

// errPostponed is for a refund of a sale with hundreds of them, among many such refunds at once.
var errPostponed = refusal.Later(refusal.Overloaded, retryAfter, "too many refunds are being added up at once: send it again")

// altered is what a group found changed behind the services' back.
type altered struct {
	sales    map[uuid.UUID]bool // that refunds name
	kept     map[store.KeyOf]bool
	refunds  map[uuid.UUID]bool // states, by their sale
	accounts map[string]bool
	heads    map[string]bool // by terminal

	postponed map[uuid.UUID]bool // sales whose refunds were too many to add up
}

func (a *altered) of(it *Item, o *original, v *verdict) *refusal.Error {
	switch {
	case a.heads[it.TerminalID]:
		return errAlteredHead
	case o != nil && a.sales[o.SaleID]:
		return errAlteredSale
	case o != nil && a.refunds[o.SaleID]:
		return errAlteredRefunds
	case o != nil && a.postponed[o.SaleID]:
		return errPostponed
	case v.account != nil && a.accounts[v.account.CustomerID]:
		return errAlteredAccount
	}
	return nil
}

// verify compares what the group builds on with the insert-only rows that it follows from, and those with their hashes and promises
// (infra/docs/CONTRACT.md, 3.5). What it finds altered is noted in the state. Called once all is locked and read.
func (g *Grouper) verify(ctx context.Context, tx *store.Tx, s *state, originals []*store.Row, kept map[store.KeyOf]*store.Row) error {
	s.altered = altered{
		sales: make(map[uuid.UUID]bool), kept: make(map[store.KeyOf]bool), refunds: make(map[uuid.UUID]bool),
		accounts: make(map[string]bool), heads: make(map[string]bool), postponed: make(map[uuid.UUID]bool),
	}
	u := g.memory.unseen(s, g.again)
	refunded := s.toAddUp(&u)
	var ends store.Ends
	if len(u.accounts)+len(u.heads)+len(refunded) > 0 {
		var err error
		if ends, err = tx.Ends(ctx, u.accounts, u.chains(), refunded); err != nil {
			return err
		}
	}
	c, err := g.Wire.Check(ctx, rowsOf(originals, kept, &ends)...)
	if err != nil {
		return err
	}
	for _, r := range originals {
		s.altered.sales[r.ID] = c.Of(r) != nil
	}
	for under, r := range kept {
		s.altered.kept[under] = c.Of(r) != nil || g.Wire.Answer(r) != nil
	}
	for _, id := range refunded {
		s.refunds[id].Requests = requestsOf(ends.Refunds[id])
		s.altered.refunds[id] = slices.ContainsFunc(ends.Refunds[id], func(r *store.Row) bool { return c.Of(r) != nil })
	}
	g.compare(c, s, &u, &ends)
	return nil
}

// maxAddedUp is how many refunds a group adds up while it holds its locks: some thirty microseconds each. Those of the other sales are added up by
// the next group, when these are remembered.
const maxAddedUp = 1000

// toAddUp are the sales whose refunds are read: those whose refund state is unseen, and those whose goods are compared. What is too much for one group
// is postponed, and what is refused for its size is not read.
func (s *state) toAddUp(u *unseen) (refunded []uuid.UUID) {
	all := u.refunded()
	for id := range s.compared {
		if r := s.refunds[id]; r != nil && r.Refunds > 0 && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	rows := 0
	for _, id := range all {
		r := s.refunds[id]
		switch rows += r.Refunds; {
		case r.Bytes > store.MaxRefundBytes:
		case rows > maxAddedUp && len(refunded) > 0:
			s.altered.postponed[id] = true
		default:
			refunded = append(refunded, id)
		}
	}
	return refunded
}

// compare compares what is unseen with its ends, and remembers what agrees.
func (g *Grouper) compare(c tripwire.Checked, s *state, u *unseen, ends *store.Ends) {
	for _, a := range u.accounts {
		last := ends.Entries[a.CustomerID]
		if !c.Account(a, last, ends.Records[a.CustomerID]) {
			s.altered.accounts[a.CustomerID] = true
			g.Wire.Alarm.Raise(intact.Account, "last_entry", last.Number, "last_sale_id", last.SaleID.String())
			continue
		}
		g.memory.note(accountState(a))
	}
	for i, chain := range u.chains() {
		h := u.heads[i]
		if !c.Head(h, ends.Heads[chain]) {
			s.altered.heads[h.TerminalID] = true
			g.Wire.Alarm.Raise(intact.Head, "terminal_id", chain, "records", h.Records)
			continue
		}
		g.memory.note(headState(h))
	}
	for _, r := range u.refunds {
		if r.Bytes > store.MaxRefundBytes || s.altered.postponed[r.SaleID] { // refused for that
			continue
		}
		if o := s.originals[r.SaleID]; o == nil || o.row == nil || !c.Refunds(r, o.row, ends.Refunds[r.SaleID]) {
			s.altered.refunds[r.SaleID] = true
			g.Wire.Alarm.Raise(intact.Refunds, "sale_id", r.SaleID.String())
			continue
		}
		g.memory.note(refundState(r))
	}
}

func rowsOf(originals []*store.Row, kept map[store.KeyOf]*store.Row, ends *store.Ends) []*store.Row {
	all := slices.Clone(originals)
	for _, r := range kept {
		all = append(all, r)
	}
	for _, rows := range ends.Records {
		all = append(all, rows...)
	}
	for _, r := range ends.Heads {
		all = append(all, r)
	}
	for _, rows := range ends.Refunds {
		all = append(all, rows...)
	}
	return all
}

func requestsOf(rows []*store.Row) [][]byte {
	all := make([][]byte, len(rows))
	for i, r := range rows {
		all[i] = r.Request
	}
	return all
}

// kept reads what is stored under keys, and which of it was altered, with the alarms.
func (g *Grouper) kept(ctx context.Context, keys []store.KeyOf) (kept map[store.KeyOf]record.Kept, altered map[store.KeyOf]bool, err error) {
	found, err := g.Store.Kept(ctx, keys)
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	c, err := g.Wire.Check(ctx, slices.Collect(maps.Values(found))...)
	if err != nil {
		return nil, nil, err
	}
	kept, altered = make(map[store.KeyOf]record.Kept, len(found)), make(map[store.KeyOf]bool)
	for under, r := range found {
		kept[under], altered[under] = r.Kept(), c.Of(r) != nil || g.Wire.Answer(r) != nil
	}
	return kept, altered, nil
}
