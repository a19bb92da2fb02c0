// Package budget says what anchoring costs a day, and how long batches wait so that a budget holds. Pure.
package budget

import (
	"math/big"
	"time"
)

const day = 24 * time.Hour

// Settings are the operator's. AgeMax is at least Age.
type Settings struct {
	Age    time.Duration // ANCHOR_BATCH_AGE: how long a batch waits while the budget allows it
	AgeMax time.Duration // ANCHOR_BATCH_AGE_MAX: how long it waits at most
	DayWei *big.Int      // ANCHOR_BUDGET_ETH_PER_DAY, in wei; zero or nil for none
}

// Longest is how long a batch may wait under these settings.
func (s Settings) Longest() time.Duration {
	if s.limited() {
		return s.AgeMax
	}
	return s.Age
}

func (s Settings) limited() bool { return s.DayWei != nil && s.DayWei.Sign() > 0 }

// Situation is what one batch costs now, and what makes batches besides their age.
type Situation struct {
	BatchWei *big.Int      // of one batch
	Block    time.Duration // the chain's block time: batches follow each other no faster
	FullADay int           // batches a day that are sealed because they are full, whatever their age
}

// Plan is how long batches wait from now on, and what that costs with sales all day.
type Plan struct {
	Age       time.Duration
	DayWei    *big.Int // forecast of a day
	Stretched bool     // batches wait longer than ANCHOR_BATCH_AGE, for the budget's sake
	Exceeded  bool     // the budget can't hold: batches wait as long as they may, or are full before
}

// Make keeps the forecast within the budget by letting batches wait longer, as far as they may: what gives way then is the budget, since
// sales that are not anchored are worth less than what anchoring them costs.
func Make(set Settings, now Situation) Plan {
	p := Plan{Age: set.Age}
	limited := set.limited()
	if limited {
		p.Age = min(max(longEnough(now.BatchWei, set.DayWei), set.Age), set.AgeMax)
		p.Stretched = p.Age > set.Age
	}
	p.DayWei = forecast(p.Age, now)
	p.Exceeded = limited && p.DayWei.Cmp(set.DayWei) > 0
	return p
}

// longEnough is the shortest age at which a day's batches cost no more than the budget, at most math.MaxInt64 ns.
func longEnough(batchWei, dayWei *big.Int) time.Duration {
	ns := new(big.Int).Mul(batchWei, big.NewInt(int64(day)))
	ns.Add(ns, new(big.Int).Sub(dayWei, big.NewInt(1))).Div(ns, dayWei)
	if !ns.IsInt64() {
		return 1<<63 - 1
	}
	return time.Duration(ns.Int64())
}

// forecast is what a day's batches cost at an age.
func forecast(age time.Duration, now Situation) *big.Int {
	aged := new(big.Int).Mul(now.BatchWei, big.NewInt(int64(day)))
	aged.Div(aged, big.NewInt(int64(Interval(age, now))))
	full := new(big.Int).Mul(now.BatchWei, big.NewInt(int64(now.FullADay)))
	if full.Cmp(aged) > 0 {
		return full
	}
	return aged
}

// Interval is the time from one batch to the next with sales all day, full batches aside.
func Interval(age time.Duration, now Situation) time.Duration { return max(age, now.Block, 1) }
