package commit

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

// read locks and reads all that the items are decided on.
func (g *Grouper) read(ctx context.Context, tx *store.Tx, items []*Item, todo []int) (*state, error) {
	s := &state{
		rules: g.Rules, mint: g.Mint,
		originals: make(map[uuid.UUID]*original), byKey: make(map[store.KeyOf]*original), compared: make(map[uuid.UUID]bool),
		own: make(map[store.KeyOf]bool), sold: make(map[uuid.UUID]record.Quantities), returned: make(map[uuid.UUID]record.Quantities),
		byPoints: make(map[uuid.UUID]money.Minor),
	}
	var want store.Wanted
	named, compared := wanted(items, todo, &want)
	var found []*store.Row
	if len(named) > 0 {
		var err error
		if found, err = tx.Originals(ctx, named); err != nil {
			return nil, err
		}
		s.know(found, compared, &want)
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
		s.kept[under] = new(kept.Kept())
	}
	if err := g.verify(ctx, tx, s, found, locked.Kept); err != nil {
		return nil, err
	}
	for _, id := range want.Terminals {
		if s.heads[id] == nil { // it is made with the terminal, and no service deletes it
			s.altered.heads[id] = true
			g.Wire.Alarm.Raise(intact.Head, "terminal_id", id)
		}
	}
	s.nowUS = g.Now().UnixMicro()
	return s, nil
}

// wanted lists what the items themselves name, and returns how refunds name their sales, and how those do that have goods.
func wanted(items []*Item, todo []int, want *store.Wanted) (named, compared []store.Named) {
	for _, i := range todo {
		it := items[i]
		want.Keys, want.Terminals = append(want.Keys, it.under()), append(want.Terminals, it.TerminalID)
		if seq := it.Record.TerminalSeq; seq != nil {
			want.Seqs = append(want.Seqs, store.SeqOf{TerminalID: it.TerminalID, Seq: *seq})
		}
		switch r := &it.Record; {
		case r.Kind == sale.KindRefund && !r.Unreferenced():
			n := store.Named{SaleID: r.RefundOf, Under: store.KeyOf{TerminalID: it.TerminalID, Key: r.RefundOfKey}}
			if named = append(named, n); hasGoods(r) {
				compared = append(compared, n)
			}
		case r.CustomerID != "":
			want.Customers = append(want.Customers, r.CustomerID)
		}
	}
	return named, compared
}

// sorted is a set in the order in which it is locked.
func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// original is a record that a refund may name.
type original struct {
	SaleID       uuid.UUID
	Kind         sale.Kind
	StoreID      string
	Under        store.KeyOf
	CustomerID   string // "" for a guest
	Currency     string
	TotalMinor   int64
	Earned       int64
	Redeemed     int64
	RecordedAtUS int64
	Request      []byte     // as received
	row          *store.Row // nil for one of this group
}

func originalOf(r *store.Row) *original {
	f := &r.Facts
	return &original{
		SaleID: r.ID, Kind: f.Kind, StoreID: f.StoreID, Under: r.Under, CustomerID: f.CustomerID, Currency: f.Currency, TotalMinor: r.TotalMinor,
		Earned: r.Earned, Redeemed: r.Redeemed, RecordedAtUS: int64(f.RecordedAt), Request: r.Request, row: r,
	}
}

// know takes in the records that refunds name, and adds the refund states of sales and their customers' accounts to what is locked.
func (s *state) know(found []*store.Row, compared []store.Named, want *store.Wanted) {
	for _, r := range found {
		o := s.originals[r.ID]
		if o == nil {
			o = originalOf(r)
		}
		s.originals[o.SaleID], s.byKey[o.Under] = o, o
	}
	for _, n := range compared {
		o := s.originals[n.SaleID]
		if n.SaleID == uuid.Nil {
			o = s.byKey[n.Under]
		}
		if o != nil {
			s.compared[o.SaleID] = true
		}
	}
	for id, o := range s.originals {
		if o.Kind != sale.KindSale {
			continue
		}
		want.Refunded = append(want.Refunded, store.Refunded{SaleID: id, TotalMinor: o.TotalMinor})
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
