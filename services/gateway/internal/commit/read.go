package commit

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

// read locks and reads all that the items are decided on.
func (g *Grouper) read(ctx context.Context, tx *store.Tx, items []*Item, todo []int) (*state, error) {
	s := &state{
		rules: g.Rules, mint: g.Mint,
		originals: make(map[uuid.UUID]*store.Original), byKey: make(map[store.KeyOf]*store.Original),
		own: make(map[store.KeyOf]bool), sold: make(map[uuid.UUID]record.Quantities), returned: make(map[uuid.UUID]record.Quantities),
		byPoints: make(map[uuid.UUID]money.Minor),
	}
	var want store.Wanted
	named := wanted(items, todo, &want)
	if len(named) > 0 {
		found, err := tx.Originals(ctx, named)
		if err != nil {
			return nil, err
		}
		s.know(found, named, &want)
	}
	want.Customers, want.Terminals = sorted(want.Customers), sorted(want.Terminals)
	locked, err := tx.Lock(ctx, want)
	if err != nil {
		return nil, err
	}
	for _, n := range named {
		if _, used := locked.Kept[n.Under]; used && n.SaleID == uuid.Nil && s.byKey[n.Under] == nil {
			return nil, fault.New(fault.Conflict, "another gateway has just recorded what a refund names")
		}
	}
	s.refunds, s.accounts, s.heads = locked.Refunds, locked.Accounts, locked.Heads
	s.seqs = make(map[store.SeqOf]holder, len(locked.Seqs))
	for seq, id := range locked.Seqs {
		s.seqs[seq] = holder{saleID: id, committed: true}
	}
	s.kept = make(map[store.KeyOf]*record.Kept, len(locked.Kept))
	for under, kept := range locked.Kept {
		s.kept[under] = &kept
	}
	for _, id := range want.Terminals {
		if s.heads[id] == nil {
			g.headless.log(func(n int) {
				g.Log.Error("a terminal has no head: its records are refused", "terminal_id", id, "times", n)
			})
		}
	}
	s.nowUS = g.Now().UnixMicro()
	return s, nil
}

// wanted lists what the items themselves name, and returns how refunds name their sales.
func wanted(items []*Item, todo []int, want *store.Wanted) (named []store.Named) {
	for _, i := range todo {
		it := items[i]
		want.Keys, want.Terminals = append(want.Keys, it.under()), append(want.Terminals, it.TerminalID)
		if seq := it.Record.TerminalSeq; seq != nil {
			want.Seqs = append(want.Seqs, store.SeqOf{TerminalID: it.TerminalID, Seq: *seq})
		}
		switch r := &it.Record; {
		case r.Kind == sale.KindRefund && !r.Unreferenced():
			named = append(named, store.Named{
				SaleID: r.RefundOf, Under: store.KeyOf{TerminalID: it.TerminalID, Key: r.RefundOfKey}, Lines: hasGoods(r), Paid: r.Tendered != nil,
			})
		case r.CustomerID != "":
			want.Customers = append(want.Customers, r.CustomerID)
		}
	}
	return named
}

// sorted is a set in the order in which it is locked.
func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// know takes in the sales that refunds name, and adds their refund states and their customers' accounts to what is locked.
func (s *state) know(found []store.Original, named []store.Named, want *store.Wanted) {
	for i := range found {
		o := &found[i]
		if known := s.originals[o.SaleID]; known != nil {
			if known.Request == nil { // one of the refunds may have asked for it and the other not
				known.Request = o.Request
			}
			o = known
		}
		s.originals[o.SaleID], s.byKey[o.Under] = o, o
	}
	compared := make(map[uuid.UUID]bool)
	for _, n := range named {
		o := s.originals[n.SaleID]
		if n.SaleID == uuid.Nil {
			o = s.byKey[n.Under]
		}
		if o != nil && n.Lines {
			compared[o.SaleID] = true
		}
	}
	for id, o := range s.originals {
		if o.Kind != sale.KindSale {
			continue
		}
		want.Refunded = append(want.Refunded, store.Refunded{SaleID: id, TotalMinor: o.TotalMinor, Requests: compared[id]})
		if o.CustomerID != "" {
			want.Customers = append(want.Customers, o.CustomerID)
		}
	}
}

func accountsNow(accounts map[string]*store.Account) map[string]int64 {
	entries := make(map[string]int64, len(accounts))
	for id, a := range accounts {
		entries[id] = a.Entries
	}
	return entries
}

func refundsNow(refunds map[uuid.UUID]*store.RefundState) map[uuid.UUID]int64 {
	refunded := make(map[uuid.UUID]int64, len(refunds))
	for id, r := range refunds {
		refunded[id] = r.RefundedMinor
	}
	return refunded
}

func headsNow(heads map[string]*store.Head) map[string]int64 {
	records := make(map[string]int64, len(heads))
	for id, h := range heads {
		records[id] = h.Records
	}
	return records
}

// before is how far everything that moves was when it was read.
type before struct {
	accounts map[string]int64
	refunds  map[uuid.UUID]int64
	heads    map[string]int64
}

func (s *state) now() before {
	return before{accountsNow(s.accounts), refundsNow(s.refunds), headsNow(s.heads)}
}

// changesOf collects what moved.
func changesOf(s *state, was before) *store.Changes {
	c := &store.Changes{Sales: s.sales, Entries: s.entries, Keys: s.keys}
	for id, a := range s.accounts {
		if before := was.accounts[id]; a.Entries > before {
			c.Accounts = append(c.Accounts, *a)
			c.Before = append(c.Before, before)
		}
	}
	for id, r := range s.refunds {
		if r.RefundedMinor > was.refunds[id] {
			c.Refunds = append(c.Refunds, *r)
		}
	}
	for id, h := range s.heads {
		if before := was.heads[id]; h.Records > before {
			c.Heads = append(c.Heads, *h)
			c.Numbers = append(c.Numbers, before)
		}
	}
	return c
}
