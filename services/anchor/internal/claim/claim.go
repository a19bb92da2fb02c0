// Package claim decides whether what a priced sale claims is true: by the committed sale, by the journal, and by the rate before it.
// Pure.
package claim

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/money"
)

// Why names what was wrong with a priced sale: a label of the metric.
type Why string

// What can be wrong. All but WhyJump mean that none of our services wrote it, or that a row was changed behind their backs.
const (
	WhySale     Why = "sale"     // no committed sale has this id and hash
	WhyJournal  Why = "journal"  // the journal has a leaf of the sale with another hash
	WhyStore    Why = "store"    // the committed sale is another store's
	WhyCurrency Why = "currency" // the rate is of another currency than the committed sale
	WhyRate     Why = "rate"     // the journal has another rate under the rate's id, or the committed total is zero and needs none
	WhyAmount   Why = "amount"   // the committed total does not come to this at the rate
	WhyJump     Why = "jump"     // the rate is too far from the last one; it may be true
)

// Forged lists those that raise the alarm of a forgery.
var Forged = [...]Why{WhySale, WhyJournal, WhyStore, WhyCurrency, WhyRate, WhyAmount}

// Refusal is why a priced sale gets no leaf; the zero value is none. Its text names no customer and no total.
type Refusal struct {
	Why  Why
	Text string
}

// Claim is what a priced sale claims.
type Claim struct {
	SaleHash     common.Hash
	StoreID      string
	AmountWei    *big.Int
	RateID       string        // "" for a claim without a rate
	RateCurrency string        // and this
	Rate         money.Decimal // fiat per ETH; the zero value for a claim without one
}

// Known is what Postgres holds about it.
type Known struct {
	Committed       bool // a sale with this id; what follows is the sale's
	SaleHash        common.Hash
	StoreID         string
	Currency, Total string
	Leaf            *common.Hash // the sale_hash of the sale's leaf; nil: it has none
	Rate            *Rate        // what is journaled under the claim's rate id; nil: nothing yet
}

// Rate is a journaled rate.
type Rate struct{ Currency, Value string }

// Check compares a claim with what is known, whether or not the sale has its leaf already.
func Check(c Claim, k Known) (none Refusal) {
	switch {
	case !k.Committed:
		return Refusal{WhySale, "no sale with this sale_id is committed"}
	case k.SaleHash != c.SaleHash:
		return Refusal{WhySale, "the committed sale has another sale_hash"}
	case k.Leaf != nil && *k.Leaf != c.SaleHash:
		return Refusal{WhyJournal, "another sale_hash is journaled for this sale"}
	case c.StoreID != k.StoreID:
		return Refusal{WhyStore, fmt.Sprintf("the committed sale belongs to store %q, not %q", k.StoreID, c.StoreID)}
	case c.Rate.IsZero():
		return checkWithoutRate(c, k)
	case c.RateCurrency != k.Currency:
		return Refusal{WhyCurrency, fmt.Sprintf("the rate is in %s, the committed sale in %s", c.RateCurrency, k.Currency)}
	case k.Rate != nil && *k.Rate != Rate{c.RateCurrency, c.Rate.String()}:
		return Refusal{WhyRate, fmt.Sprintf("another rate is journaled under this rate's id, %s %s", k.Rate.Currency, k.Rate.Value)}
	}
	if money.IsZero(k.Total) {
		return Refusal{WhyRate, "the committed total is zero and needs no rate, and there is one"}
	}
	total, err := money.ParseDecimal(k.Total)
	if err != nil {
		return Refusal{WhyAmount, "the committed total is not an amount"}
	}
	if due := money.Wei(total, c.Rate); due.Cmp(c.AmountWei) != 0 {
		return Refusal{WhyAmount, fmt.Sprintf("amount_wei is %s, the committed total comes to %s at its rate", c.AmountWei, due)}
	}
	return none
}

// checkWithoutRate lets only a committed total of zero be without a rate; it is worth 0 wei.
func checkWithoutRate(c Claim, k Known) (none Refusal) {
	switch {
	case !money.IsZero(k.Total):
		return Refusal{WhyAmount, "there is no rate, and the committed total is not zero"}
	case c.AmountWei.Sign() != 0:
		return Refusal{WhyAmount, fmt.Sprintf("amount_wei is %s, the committed total is zero", c.AmountWei)}
	}
	return none
}

// maxJump is by how much a rate may differ from the last one, up or down.
const maxJump = 2

// Jumps reports whether a rate is more than twice or less than half the last one. The first of a currency, with last the zero
// value, never is.
func Jumps(last, rate money.Decimal) bool {
	if last.IsZero() {
		return false
	}
	was, is := last.Rat(), rate.Rat()
	times := big.NewRat(maxJump, 1)
	return is.Cmp(new(big.Rat).Mul(was, times)) > 0 || was.Cmp(new(big.Rat).Mul(is, times)) > 0
}

// Jump is the refusal of a rate that jumps.
func Jump(currency string, last, rate money.Decimal) Refusal {
	return Refusal{WhyJump, fmt.Sprintf("the rate of %s is %s, more than %d times or less than 1/%d of the last one, %s: if it is true, "+
		"accept it with ops.anchor.rates.accept and replay the currency", currency, rate, maxJump, maxJump, last)}
}
