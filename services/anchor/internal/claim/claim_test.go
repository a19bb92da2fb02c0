package claim_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/claim"
	"github.com/tillseal/tillseal/shared/money"
)

func decimal(t *testing.T, text string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(text)
	require.NoError(t, err)
	return d
}

func TestAClaimIsHeldAgainstTheCommittedSaleAndTheJournal(t *testing.T) {
	hash, other := common.Hash{1}, common.Hash{2}
	for name, c := range map[string]struct {
		spoil func(*claim.Claim, *claim.Known)
		want  claim.Why
	}{
		"unchanged":                  {func(*claim.Claim, *claim.Known) {}, ""},
		"again":                      {func(_ *claim.Claim, k *claim.Known) { k.Leaf, k.Rate = &hash, &claim.Rate{"INR", "254321.17"} }, ""},
		"no such sale":               {func(_ *claim.Claim, k *claim.Known) { *k = claim.Known{} }, claim.WhySale},
		"another hash":               {func(c *claim.Claim, _ *claim.Known) { c.SaleHash = other }, claim.WhySale},
		"another leaf":               {func(_ *claim.Claim, k *claim.Known) { k.Leaf = &other }, claim.WhyJournal},
		"another store":              {func(c *claim.Claim, _ *claim.Known) { c.StoreID = "s2" }, claim.WhyStore},
		"another currency":           {func(_ *claim.Claim, k *claim.Known) { k.Currency = "USD" }, claim.WhyCurrency},
		"another value under the id": {func(_ *claim.Claim, k *claim.Known) { k.Rate = &claim.Rate{"INR", "254321.18"} }, claim.WhyRate},
		"another total":              {func(_ *claim.Claim, k *claim.Known) { k.Total = "1249.51" }, claim.WhyAmount},
		"a wei more":                 {func(c *claim.Claim, _ *claim.Known) { c.AmountWei.Add(c.AmountWei, big.NewInt(1)) }, claim.WhyAmount},
		"a wei less":                 {func(c *claim.Claim, _ *claim.Known) { c.AmountWei.Sub(c.AmountWei, big.NewInt(1)) }, claim.WhyAmount},
		"another rate":               {func(c *claim.Claim, _ *claim.Known) { c.Rate = decimal(t, "254321.18") }, claim.WhyAmount},
	} {
		claimed := claim.Claim{
			SaleHash: hash, StoreID: "s1", AmountWei: big.NewInt(4913079001641901), RateID: "r1", RateCurrency: "INR", Rate: decimal(t, "254321.17"),
		}
		known := claim.Known{Committed: true, SaleHash: hash, StoreID: "s1", Currency: "INR", Total: "1249.50"}
		c.spoil(&claimed, &known)
		require.Equal(t, c.want, claim.Check(claimed, known).Why, name)
	}
}

func TestATotalOfZeroAloneHasNoRateAndNoWei(t *testing.T) {
	hash := common.Hash{1}
	zero := claim.Known{Committed: true, SaleHash: hash, StoreID: "s1", Currency: "EUR", Total: "0.00"}
	sold := claim.Known{Committed: true, SaleHash: hash, StoreID: "s1", Currency: "EUR", Total: "5.00"}
	for name, c := range map[string]struct {
		known  claim.Known
		wei    int64
		rate   string
		want   claim.Why
		begins string
	}{
		"a total of zero":             {known: zero},
		"and a rate":                  {known: zero, rate: "5", want: claim.WhyRate, begins: "the committed total is zero and needs no rate"},
		"and an amount":               {known: zero, wei: 1, want: claim.WhyAmount, begins: "amount_wei is 1"},
		"and both":                    {known: zero, wei: 1, rate: "5", want: claim.WhyRate},
		"zero wei for another total":  {known: sold, want: claim.WhyAmount, begins: "there is no rate"},
		"zero wei for it at its rate": {known: sold, rate: "5", want: claim.WhyAmount, begins: "amount_wei is 0"},
		"an amount without a rate":    {known: sold, wei: 1e18, want: claim.WhyAmount, begins: "there is no rate"},
		"an amount at its rate":       {known: sold, wei: 1e18, rate: "5"},
		"a total that is none":        {known: claim.Known{Committed: true, SaleHash: hash, StoreID: "s1", Total: "zero"}, want: claim.WhyAmount},
	} {
		claimed := claim.Claim{SaleHash: hash, StoreID: "s1", AmountWei: big.NewInt(c.wei)}
		if c.rate != "" {
			claimed.RateID, claimed.RateCurrency, claimed.Rate = "r1", "EUR", decimal(t, c.rate)
		}
		refusal := claim.Check(claimed, c.known)
		require.Equal(t, c.want, refusal.Why, name)
		require.True(t, strings.HasPrefix(refusal.Text, c.begins), "%s: %s", name, refusal.Text)
	}
}

func TestARefusalSaysWhatIsMissing(t *testing.T) {
	hash := common.Hash{1}
	require.Equal(t, "no sale with this sale_id is committed", claim.Check(claim.Claim{SaleHash: hash}, claim.Known{}).Text)
	require.Equal(t, "the committed sale has another sale_hash", claim.Check(claim.Claim{SaleHash: hash}, claim.Known{Committed: true}).Text)
}

func TestARateJumpsWhenItIsMoreThanTwiceOrLessThanHalfTheLast(t *testing.T) {
	for _, c := range []struct {
		last, rate string
		jumps      bool
	}{
		{"100", "100", false},
		{"100", "200", false},
		{"100", "200.000000000001", true},
		{"100", "50", false},
		{"100", "49.999999999999", true},
		{"0.3", "0.6", false},
		{"0.3", "0.15", false},
		{"254321.17", "2.5", true},
		{"1", "2000000", true},
	} {
		require.Equal(t, c.jumps, claim.Jumps(decimal(t, c.last), decimal(t, c.rate)), "%s after %s", c.rate, c.last)
	}
	require.False(t, claim.Jumps(money.Decimal{}, decimal(t, "5")), "the first of a currency")
	text := claim.Jump("INR", decimal(t, "100"), decimal(t, "201")).Text
	for _, part := range []string{"INR is 201", "the last one, 100", "ops.anchor.rates.accept"} {
		require.Contains(t, text, part)
	}
}
