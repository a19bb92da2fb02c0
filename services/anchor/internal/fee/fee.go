// Package fee decides what a transaction pays under EIP-1559. Pure: the chain's figures come in, a fee goes out.
package fee

import (
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/params"
)

// Fee is an EIP-1559 fee, in wei per gas.
type Fee struct {
	CapWei *big.Int // maxFeePerGas
	TipWei *big.Int // maxPriorityFeePerGas
}

var (
	minTipWei = big.NewInt(params.GWei / 1000) // what nodes accept by default (geth): empty blocks show no tips
	maxTipWei = big.NewInt(50 * params.GWei)   // above the 30 gwei that Polygon demands; a bump may go beyond it, up to the ceiling
)

// Tip is what to offer a block's proposer: the median of what was paid in recent blocks, bounded.
func Tip(paidWei []*big.Int) *big.Int {
	tip := minTipWei
	if len(paidWei) > 0 {
		tip = Median(paidWei)
	}
	return new(big.Int).Set(smaller(larger(tip, minTipWei), maxTipWei))
}

// Median is the middle one of some amounts, one at least, the lower of the two middle ones of an even number.
func Median(wei []*big.Int) *big.Int {
	sorted := slices.SortedFunc(slices.Values(wei), (*big.Int).Cmp)
	return sorted[(len(sorted)-1)/2]
}

// First is the fee of a first attempt: twice the base fee, which covers six full blocks of growth (12.5 % each), and
// the tip that the chain suggests, all at most ceilingWei.
func First(baseFeeWei, tipWei, ceilingWei *big.Int) Fee {
	capWei := new(big.Int).Add(new(big.Int).Lsh(baseFeeWei, 1), tipWei)
	return bounded(Fee{CapWei: capWei, TipWei: new(big.Int).Set(tipWei)}, ceilingWei)
}

// Payable is the highest cap, in wei per gas, at which an account that holds balanceWei can pay for a transaction's whole gas limit,
// as nodes demand before they accept it (geth's core/txpool: insufficient funds for gas * price + value).
func Payable(balanceWei *big.Int, gasLimit uint64) *big.Int {
	return new(big.Int).Div(balanceWei, new(big.Int).SetUint64(gasLimit))
}

// least is the lowest cap at which the next block may hold a transaction that pays the tip.
func least(baseFeeWei, tipWei *big.Int) *big.Int { return new(big.Int).Add(baseFeeWei, tipWei) }

// FirstWithin is First with a cap that the account can pay, but not below what the next block takes: an account that can't pay even that
// has to be topped up, and no cheaper attempt would help.
func FirstWithin(baseFeeWei, tipWei, ceilingWei, payableWei *big.Int) Fee {
	return First(baseFeeWei, tipWei, smaller(ceilingWei, larger(payableWei, least(baseFeeWei, tipWei))))
}

// Lower is the fee of an attempt that replaces prev, which the account can't pay: the chain's present first fee, at most mostWei. It
// reports false while the next block takes no such fee. A node that still holds prev refuses it as too cheap a replacement, which
// does no harm: there prev can be mined.
func Lower(prev Fee, baseFeeWei, tipWei, mostWei *big.Int) (Fee, bool) {
	if mostWei.Cmp(least(baseFeeWei, tipWei)) < 0 || mostWei.Cmp(prev.CapWei) >= 0 {
		return Fee{}, false
	}
	return First(baseFeeWei, tipWei, mostWei), true
}

// Bump is the fee of an attempt that replaces prev: 12.5 % and 1 wei more on both, since nodes refuse less than 10 % and
// some the exact boundary, or the chain's present first fee if that is more. It reports false when that would exceed
// ceilingWei: then the old attempt is sent again.
func Bump(prev Fee, baseFeeWei, tipWei, ceilingWei *big.Int) (Fee, bool) {
	fresh := First(baseFeeWei, tipWei, ceilingWei)
	next := Fee{CapWei: larger(raised(prev.CapWei), fresh.CapWei), TipWei: larger(raised(prev.TipWei), fresh.TipWei)}
	if next.CapWei.Cmp(ceilingWei) > 0 {
		return Fee{}, false
	}
	return bounded(next, ceilingWei), true
}

func raised(wei *big.Int) *big.Int {
	r := new(big.Int).Mul(wei, big.NewInt(9))
	r.Add(r, big.NewInt(7)).Rsh(r, 3) // 9/8, rounded up
	return r.Add(r, big.NewInt(1))
}

func larger(a, b *big.Int) *big.Int {
	if a.Cmp(b) >= 0 {
		return a
	}
	return b
}

func smaller(a, b *big.Int) *big.Int {
	if a.Cmp(b) <= 0 {
		return a
	}
	return b
}

// bounded keeps the cap at the ceiling and the tip at the cap, beyond which a transaction is invalid.
func bounded(f Fee, ceilingWei *big.Int) Fee {
	if f.CapWei.Cmp(ceilingWei) > 0 {
		f.CapWei = new(big.Int).Set(ceilingWei)
	}
	if f.TipWei.Cmp(f.CapWei) > 0 {
		f.TipWei = new(big.Int).Set(f.CapWei)
	}
	return f
}

// Ceiling is the most to pay now: capWei, which from the age riseAfter of the oldest unanchored sale on grows in a straight
// line and reaches hardWei at twice that age. Sales that wait for days cost a shop more than an expensive transaction.
func Ceiling(capWei, hardWei *big.Int, age, riseAfter time.Duration) *big.Int {
	if hardWei.Cmp(capWei) <= 0 || age <= riseAfter {
		return capWei
	}
	over := min(age-riseAfter, riseAfter)
	rise := new(big.Int).Sub(hardWei, capWei)
	rise.Mul(rise, big.NewInt(int64(over))).Div(rise, big.NewInt(int64(riseAfter)))
	return rise.Add(rise, capWei)
}
