package audit

import (
	"context"
	_ "embed" // the statements
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/slip"
)

var (
	//go:embed sql/entries.sql
	entriesSQL string
	//go:embed sql/entries_among.sql
	entriesAmongSQL string
	//go:embed sql/rules.sql
	rulesSQL string
)

// entry is a loyalty entry with its record.
type entry struct {
	customer       string
	number         int64
	saleID         string
	delta, balance int64
	version        string
	record         *entryRecord // nil where there is none
}

type entryRecord struct {
	kind                 sale.Kind
	refundOf, customer   string
	currency, total      string
	delta, balance       int64
	purchase, recordedUS int64
	earned, redeemed     int64
	version              string
	request              []byte
}

// customer is what a customer's entries up to one come to.
type customer struct {
	id                      string
	number, balance         int64
	purchases, lastRecorded int64
	bonusDue                bool
	gap                     bool // an entry or its record is missing: the purchases go on from the next one
	doubtful                bool // whether a bonus waits is not known
}

// customers makes each customer's points anew, entry by entry, and compares the account with what they come to.
func (a *auditor) customers(ctx context.Context) error {
	if err := a.readRules(ctx); err != nil {
		return err
	}
	switch {
	case a.Customer != "":
		if err := a.customersAmong(ctx, []string{a.Customer}); err != nil {
			return err
		}
		if err := a.withoutEntry(ctx, []string{a.Customer}, math.MinInt64); err != nil {
			return err
		}
		if a.report.Entries == 0 && a.report.Clean() {
			return fmt.Errorf("customer %q has no entry", a.Customer)
		}
		return nil
	case a.Since != nil:
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(a.touched)), pageCustomers) {
			if err := a.customersAmong(ctx, ids); err != nil {
				return err
			}
			if err := a.withoutEntry(ctx, ids, a.Since.At.Add(-sinceSlack).UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	}
	if err := a.customersAmong(ctx, nil); err != nil {
		return err
	}
	if err := a.withoutEntry(ctx, nil, math.MinInt64); err != nil {
		return err
	}
	return a.withoutEntries(ctx)
}

// customersAmong checks some customers; nil for all.
func (a *auditor) customersAmong(ctx context.Context, ids []string) error {
	c, ended := customer{}, []customer(nil)
	without := make(map[string]bool, len(ids)) // an entry, as it seems
	for _, id := range ids {
		without[id] = true
	}
	for more := true; more; {
		read, err := a.entries(ctx, c.id, c.number, ids, func(e *entry) {
			if e.customer != c.id {
				if c.id != "" {
					ended = append(ended, c)
				}
				c = customer{id: e.customer}
				delete(without, c.id)
			}
			a.entry(&c, e)
			a.report.Entries++
			a.progress(a.report.Entries)
		})
		if err != nil {
			return err
		}
		if more = read == a.page(pageEntries); !more && c.id != "" {
			ended = append(ended, c)
		}
		if !more {
			for id := range without {
				ended = append(ended, customer{id: id})
			}
		}
		if err := a.accounts(ctx, ended); err != nil {
			return err
		}
		ended = ended[:0]
	}
	return nil
}

const (
	pageEntries   = 2000 // that one statement reads, with their requests
	pageCustomers = 100  // whose entries are read together
)

// entries calls do with each of a page of entries after one of a customer's, and returns how many they are.
func (a *auditor) entries(ctx context.Context, customer string, number int64, ids []string, do func(*entry)) (read int, err error) {
	statement, args := entriesSQL, []any{customer, number, a.page(pageEntries)}
	if ids != nil {
		statement, args = entriesAmongSQL, append(args, ids)
	}
	err = a.each(ctx, "audit.loyalty_entry", statement, func(scan scan) error {
		var (
			e    entry
			kind *string
			r    entryRecord
		)
		if err := scan(&e.customer, &e.number, &e.saleID, &e.delta, &e.balance, &e.version, &kind, &r.refundOf, &r.customer, &r.currency, &r.total,
			&r.delta, &r.balance, &r.purchase, &r.recordedUS, &r.earned, &r.redeemed, &r.version, &r.request); err != nil {
			return err
		}
		if kind != nil {
			r.kind, e.record = sale.Kind(*kind), &r
		}
		do(&e)
		read++
		return nil
	}, args...)
	return read, err
}

// entry takes in a customer's next entry.
func (a *auditor) entry(c *customer, e *entry) {
	found := func(kind Kind, format string, values ...any) {
		a.found(Finding{Kind: kind, CustomerID: c.id, Number: uint64(e.number), SaleID: e.saleID, Detail: fmt.Sprintf(format, values...)})
	}
	if e.number != c.number+1 {
		c.gap, c.doubtful = true, true
		a.found(Finding{Kind: EntryMissing, CustomerID: c.id, Number: uint64(c.number + 1), Detail: fmt.Sprintf("entry %d comes after entry %d", e.number, c.number)})
		c.balance = e.balance - e.delta // go on from here
	}
	r := e.record
	switch {
	case r == nil:
		c.gap, c.doubtful = true, true
		found(EntryAlone, "its record is missing")
	case r.customer != c.id || r.delta != e.delta || r.balance != e.balance || r.version != e.version:
		found(EntryAltered, "the entry is %+d to %d, its record %+d to %d", e.delta, e.balance, r.delta, r.balance)
	case e.balance != c.balance+e.delta:
		found(PointsWrong, "%+d to %d makes %d, the balance is %d", e.delta, c.balance, c.balance+e.delta, e.balance)
	}
	if r != nil && e.balance != c.balance+e.delta && r.balance == c.balance+r.delta {
		c.balance = r.balance // the entry was altered and its record was not
	} else {
		c.balance = e.balance
	}
	c.number = e.number
	if r != nil {
		a.points(c, e, found)
		c.lastRecorded = r.recordedUS
	}
}

// points makes what a record earned and redeemed anew, and its purchase number.
func (a *auditor) points(c *customer, e *entry, found func(Kind, string, ...any)) {
	r := e.record
	if r.recordedUS <= c.lastRecorded {
		found(PurchaseWrong, "it was recorded no later than the one before it")
	}
	if r.kind != sale.KindSale {
		if r.purchase != 0 {
			found(PurchaseWrong, "what is no sale has purchase number %d", r.purchase)
		}
		a.pointsBack(r, found)
		return
	}
	c.purchases++
	if c.gap {
		c.purchases, c.gap = r.purchase, false
	}
	if r.purchase != c.purchases {
		found(PurchaseWrong, "it has purchase number %d, the next one is %d", r.purchase, c.purchases)
		c.purchases = r.purchase
	}
	due := c.bonusDue || c.purchases == 1
	base, rules, ok := a.base(r)
	if !ok {
		c.bonusDue, c.doubtful = false, true // it is not known
		return
	}
	c.bonusDue = due && base == 0
	currency, _ := money.ParseRecorded(r.currency)
	if earned, fits := rules.Earn(currency, base, uint64(c.purchases), due); !fits || earned != r.earned {
		found(PointsWrong, "it earned %d points, by version %s of the rules it earns %d", r.earned, r.version, earned)
	}
}

// pointsBack checks what an adjustment or a return without a receipt did; refunds of sales are checked by sale.
func (a *auditor) pointsBack(r *entryRecord, found func(Kind, string, ...any)) {
	switch {
	case r.kind == sale.KindAdjustment:
		if asked, ok := adjusted(r.request); !ok || asked != r.earned {
			found(PointsWrong, "it changed the points by %d, %d was asked for", r.earned, asked)
		}
	case r.kind == sale.KindRefund && r.refundOf == "":
		rules := a.rulesOf(r.version)
		currency, err := money.ParseRecorded(r.currency)
		if rules == nil || err != nil {
			return
		}
		total, err := currency.Parse(r.total)
		if clawed, fits := rules.Claw(currency, total); err != nil || !fits || r.earned != -clawed {
			found(PointsWrong, "it took back %d points, by version %s of the rules it takes back %d", -r.earned, r.version, clawed)
		}
	}
}

// base is what a sale earns on, and by which rules; ok is false where these are not known, or the sale can't be read.
func (a *auditor) base(r *entryRecord) (base money.Minor, rules *loyalty.Rules, ok bool) {
	rules = a.rulesOf(r.version)
	currency, err := money.ParseRecorded(r.currency)
	if rules == nil || err != nil {
		return 0, nil, false
	}
	total, err := currency.Parse(r.total)
	if err != nil {
		return 0, nil, false
	}
	worth, fits := rules.Worth(currency, r.redeemed)
	sent, err := event.SentOf(r.request)
	if err != nil || !fits {
		return 0, nil, false
	}
	sums := make(map[event.LineType]money.Sum)
	for i := range sent.Lines {
		l := &sent.Lines[i]
		amount, wrong := slip.Adds(l, currency)
		if wrong != nil {
			return 0, nil, false
		}
		kind := l.Type
		if kind == "" {
			kind = event.LineItem
		}
		sum := sums[kind]
		sum.Add(amount)
		sums[kind] = sum
	}
	base, fits = rules.Base(total, worth, sums)
	return base, rules, fits
}
