package quote

import (
	"sync/atomic"
	"time"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// Table holds one tier's quotes by currency code. It must not change once it is on a Board.
type Table map[string]Quote

// snapshot is what every reader sees at one moment. It is never changed, only replaced.
type snapshot [len(Tiers)]Table

// Board holds the tiers' present quotes. Readers never lock, and check themselves whether a quote has expired.
type Board struct{ present atomic.Pointer[snapshot] }

// NewBoard returns a board without quotes.
func NewBoard() *Board {
	b := new(Board)
	b.present.Store(new(snapshot))
	return b
}

// Set replaces one tier's quotes. It may be called at any time, by several writers.
func (b *Board) Set(tier Tier, quotes Table) {
	for {
		old := b.present.Load()
		next := *old
		for i, t := range Tiers {
			if t == tier {
				next[i] = quotes
			}
		}
		if b.present.CompareAndSwap(old, &next) {
			return
		}
	}
}

// Tier returns one tier's quotes, whether they hold or not.
func (b *Board) Tier(tier Tier) Table {
	for i, t := range Tiers {
		if t == tier {
			return b.present.Load()[i]
		}
	}
	return nil
}

// View is the board at one moment, so that sales that are priced together are priced alike.
type View struct {
	tables *snapshot
	now    time.Time
}

// At is the present board, for quotes that hold at now.
func (b *Board) At(now time.Time) View { return View{tables: b.present.Load(), now: now} }

// Quote returns the best tier's quote of a currency. A currency that no tier has is Invalid: its sales are parked.
func (v View) Quote(currency money.Currency) (Quote, error) {
	for _, quotes := range v.tables {
		if q, ok := quotes[currency.Code()]; ok && q.Holds(v.now) {
			return q, nil
		}
	}
	return Quote{}, fault.New(fault.Invalid, "no tier has a rate for %s", currency.Code())
}

// Quote is that of the present board.
func (b *Board) Quote(currency money.Currency, now time.Time) (Quote, error) {
	return b.At(now).Quote(currency)
}
