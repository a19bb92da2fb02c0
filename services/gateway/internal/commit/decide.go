package commit

import (
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
)

// Item is one record on its way in, read and well-formed.
type Item struct {
	TerminalID string
	StoreID    string
	Key        uuid.UUID
	Record     record.Record
	KID        string // of a record of kind key: the key's thumbprint
}

func (it *Item) under() store.KeyOf { return store.KeyOf{TerminalID: it.TerminalID, Key: it.Key} }

// Minted is what is random in a committed record.
type Minted struct {
	SaleID       uuid.UUID // v7
	Salt         [32]byte
	ReceiptToken string
}

// state is the shop as a group sees it under its locks: what was read, and what the group's earlier records changed in it. Deciding is pure:
// the same state, clock and random bytes give the same records.
type state struct {
	rules *loyalty.Rules
	mint  func() Minted
	nowUS int64 // read under the locks

	originals map[uuid.UUID]*original
	byKey     map[store.KeyOf]*original
	refunds   map[uuid.UUID]*store.RefundState
	accounts  map[string]*store.Account
	heads     map[string]*store.Head // by terminal
	kept      map[store.KeyOf]*record.Kept
	seqs      map[store.SeqOf]holder // that are used
	compared  map[uuid.UUID]bool     // sales with refunds that have goods
	altered   altered
	sold      map[uuid.UUID]record.Quantities // of sales with refunds that have lines
	returned  map[uuid.UUID]record.Quantities // by their refunds so far
	byPoints  map[uuid.UUID]money.Minor       // what points paid of sales with refunds that have tenders

	own     map[store.KeyOf]bool // the keys of sales
	sales   []*store.Sale        // without their answers, which seal writes
	entries []store.Entry
	keys    []store.PromiseKey
}

// holder is the record that has a number of the till's.
type holder struct {
	saleID    uuid.UUID
	committed bool // false: by this group
}

// verdict is the outcome of one record. Exactly one of kept and refused is set, except for a used key: then both may be.
type verdict struct {
	kept     *record.Kept // what is stored under the key now
	replayed bool
	refused  *refusal.Error
	sale     *store.Sale // new
	hangs    bool        // it depends on an earlier record of the group, which may yet not be committed

	account *store.Account     // read, whatever the outcome
	refund  *store.RefundState // read, whatever the outcome
}

// decide applies one record to the state, or refuses it and leaves the state alone. Called in order of arrival it decides as transactions
// of one record each would.
func (s *state) decide(it *Item) verdict {
	o := s.original(it)
	v := verdict{account: s.accounts[it.Record.CustomerID]}
	if o != nil {
		v.account, v.refund = s.accounts[o.CustomerID], s.refunds[o.SaleID]
	}
	if s.altered.kept[it.under()] {
		v.refused = errAlteredKept
		return v
	}
	seq := it.Record.TerminalSeq
	if kept, used := s.kept[it.under()]; used {
		v.kept, v.replayed, v.hangs = kept, true, s.own[it.under()]
		if _, err := kept.Replay(it.Record.Fingerprint); err != nil {
			v.refused = refusal.Of(err)
		}
		return v
	}
	var (
		earlier holder
		used    bool
	)
	if seq != nil {
		earlier, used = s.seqs[store.SeqOf{TerminalID: it.TerminalID, Seq: *seq}]
	}
	v.refused = s.altered.of(it, o, &v)
	switch {
	case v.refused != nil:
	case used && !it.Record.Offline:
		v.hangs = !earlier.committed
		v.refused = refusal.New(refusal.SeqReused, "terminal_seq is used by another record of this terminal",
			refusal.Field{Pointer: "/terminal_seq", Detail: "is already used by " + earlier.saleID.String()})
		v.refused.SaleID = earlier.saleID.String()
	case it.Record.Unreferenced():
		s.decideReturn(it, &v)
	case it.Record.Kind == sale.KindRefund:
		s.decideRefund(it, o, &v)
	case it.Record.Kind == sale.KindKey:
		s.accept(it, &v, movement{})
		s.keys = append(s.keys, store.PromiseKey{KID: it.KID, JWK: string(it.Record.Raw), SaleID: v.sale.ID})
	case it.Record.Kind == sale.KindAdjustment:
		s.decideAdjustment(it, &v)
	default:
		s.decideSale(it, &v)
	}
	return v
}

// original is the record that a refund names, nil when there is none or it is a sale.
func (s *state) original(it *Item) *original {
	switch r := &it.Record; {
	case r.RefundOf != uuid.Nil:
		return s.originals[r.RefundOf]
	case r.RefundOfKey != noKey:
		return s.byKey[store.KeyOf{TerminalID: it.TerminalID, Key: r.RefundOfKey}]
	}
	return nil
}

// movement is what a record does to its customer's points.
type movement struct {
	earned, redeemed int64
	purchase         int64     // 0 for guests and refunds
	bonusDue         bool      // after a purchase
	original         *original // of a refund that names one
}

// accept turns a record that breaks no rule into rows and moves the account.
func (s *state) accept(it *Item, v *verdict, m movement) {
	r := &it.Record
	minted := s.mint()
	at, customerID := s.nowUS, r.CustomerID
	if m.original != nil {
		customerID = m.original.CustomerID
		at = max(at, m.original.RecordedAtUS+1)
	}
	head := s.heads[it.TerminalID]
	facts := sale.Sale{
		SaleID: minted.SaleID.String(), Kind: r.Kind, StoreID: it.StoreID, TerminalID: sale.Chain(head.TerminalID, head.Series),
		RecordNumber: uint64(head.Records) + 1, PreviousHash: head.Hash, CustomerID: customerID,
		Currency: r.Currency.Code(), Total: r.Currency.Format(r.Total), PurchaseNumber: uint64(m.purchase),
		RequestHash: r.Hash, Salt: minted.Salt,
	}
	row := &store.Sale{
		ID: minted.SaleID, Under: it.under(), TerminalSeq: r.TerminalSeq, ExternalRef: r.ExternalRef, TotalMinor: int64(r.Total), OccurredAt: r.OccurredAt,
		Request: r.Raw, Fingerprint: r.Fingerprint, ReceiptToken: minted.ReceiptToken,
	}
	if seq := r.TerminalSeq; seq != nil {
		row.SeqHolder = s.seqs[store.SeqOf{TerminalID: it.TerminalID, Seq: *seq}].saleID
	}
	if m.original != nil {
		facts.RefundOf, row.RefundOf = m.original.SaleID.String(), m.original.SaleID
	}
	if a := v.account; a != nil {
		delta := m.earned - m.redeemed
		row.Shortfall = max(m.redeemed-max(a.Balance, 0), 0)
		at = max(at, a.LastRecordedUS+1)
		a.Balance, a.Entries, a.LastRecordedUS = a.Balance+delta, a.Entries+1, at
		if m.purchase > 0 {
			a.Purchases, a.BonusDue = m.purchase, m.bonusDue
		}
		facts.PointsDelta, facts.PointsBalance = delta, a.Balance
		row.Earned, row.Redeemed, row.RulesVersion = m.earned, m.redeemed, s.rules.Version
		s.entries = append(s.entries, store.Entry{
			CustomerID: customerID, Number: a.Entries, SaleID: minted.SaleID, Delta: delta, Balance: a.Balance, RulesVersion: s.rules.Version,
		})
	}
	facts.RecordedAt = uint64(at)
	row.Facts, row.Hash = facts, facts.Hash()
	head.Records, head.Hash = head.Records+1, row.Hash
	s.remember(it, v, row)
}

// remember lets the group's later records see this one.
func (s *state) remember(it *Item, v *verdict, row *store.Sale) {
	kept := &record.Kept{Fingerprint: row.Fingerprint}
	v.kept, v.sale = kept, row
	s.kept[row.Under], s.own[row.Under] = kept, true
	if row.TerminalSeq != nil && row.SeqHolder == uuid.Nil {
		s.seqs[store.SeqOf{TerminalID: it.TerminalID, Seq: *row.TerminalSeq}] = holder{saleID: row.ID}
	}
	of := &original{
		SaleID: row.ID, Kind: row.Facts.Kind, Request: row.Request, StoreID: it.StoreID, Under: row.Under, CustomerID: row.Facts.CustomerID,
		Currency: row.Facts.Currency, TotalMinor: row.TotalMinor, Earned: row.Earned, Redeemed: row.Redeemed, RecordedAtUS: int64(row.Facts.RecordedAt),
	}
	s.originals[row.ID], s.byKey[row.Under] = of, of
	if of.Kind == sale.KindSale {
		s.refunds[row.ID] = &store.RefundState{SaleID: row.ID, TotalMinor: row.TotalMinor}
	}
	s.sales = append(s.sales, row)
}

// noKey is no Idempotency-Key.
var noKey uuid.UUID
