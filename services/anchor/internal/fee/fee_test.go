package fee_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/services/anchor/internal/fee"
)

func TestAFirstFeeOutlastsSixFullBlocksButNotTheCeiling(t *testing.T) {
	f := fee.First(big.NewInt(1000), big.NewInt(10), big.NewInt(1e9))
	require.Equal(t, "2010", f.CapWei.String())
	require.Equal(t, "10", f.TipWei.String())
	f = fee.First(big.NewInt(1000), big.NewInt(5000), big.NewInt(1500))
	require.Equal(t, "1500", f.CapWei.String())
	require.Equal(t, "1500", f.TipWei.String(), "a tip above the cap is invalid")
}

func TestABumpIsAcceptedByEveryNodeOrNotMade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wei := func(name string, most int64) *big.Int { return big.NewInt(rapid.Int64Range(1, most).Draw(t, name)) }
		ceiling := wei("ceiling", 1e12)
		prev := fee.First(wei("base", 1e11), wei("tip", 1e10), ceiling)
		next, ok := fee.Bump(prev, wei("base now", 1e11), wei("tip now", 1e10), ceiling)
		if !ok {
			return
		}
		require.True(t, next.CapWei.Cmp(ceiling) <= 0)
		require.True(t, next.TipWei.Cmp(next.CapWei) <= 0)
		for _, pair := range [][2]*big.Int{{prev.CapWei, next.CapWei}, {prev.TipWei, next.TipWei}} {
			least := new(big.Int).Mul(pair[0], big.NewInt(1125))
			require.True(t, new(big.Int).Mul(pair[1], big.NewInt(1000)).Cmp(least) > 0, "%s to %s is not 12.5 %% more", pair[0], pair[1])
		}
	})
}

func TestAtTheCeilingThereIsNoBump(t *testing.T) {
	prev := fee.Fee{CapWei: big.NewInt(1000), TipWei: big.NewInt(1)}
	_, ok := fee.Bump(prev, big.NewInt(10), big.NewInt(1), big.NewInt(1100))
	require.False(t, ok)
}

func TestAFirstFeeIsWithinWhatTheAccountPaysIfTheChainTakesThat(t *testing.T) {
	base, tip, ceiling := big.NewInt(1000), big.NewInt(10), big.NewInt(1e9)
	require.Equal(t, "1500", fee.Payable(big.NewInt(375_249_999), 250_000).String())
	for payable, want := range map[int64]string{5000: "2010", 1500: "1500", 1010: "1010", 900: "1010", 0: "1010"} {
		require.Equal(t, want, fee.FirstWithin(base, tip, ceiling, big.NewInt(payable)).CapWei.String(), "%d", payable)
	}
	require.Equal(t, "700", fee.FirstWithin(base, tip, big.NewInt(700), big.NewInt(900)).CapWei.String(), "the ceiling holds whatever the chain takes")
}

func TestAFeeThatTheAccountCantPayIsLoweredOnceTheChainTakesLess(t *testing.T) {
	prev := fee.Fee{CapWei: big.NewInt(10_000), TipWei: big.NewInt(50)}
	lower := func(base, most int64) string {
		f, ok := fee.Lower(prev, big.NewInt(base), big.NewInt(10), big.NewInt(most))
		if !ok {
			return ""
		}
		return f.CapWei.String() + " " + f.TipWei.String()
	}
	require.Equal(t, "2010 10", lower(1000, 4000))
	require.Equal(t, "1500 10", lower(1000, 1500))
	require.Equal(t, "1010 10", lower(1000, 1010))
	require.Empty(t, lower(1000, 1009), "the next block takes no less than 1010")
	require.Empty(t, lower(1000, 10_000), "prev is payable")
}

func TestTheCeilingRisesWithTheAgeOfTheOldestSaleUpToTheHardOne(t *testing.T) {
	usual, hard := big.NewInt(100), big.NewInt(500)
	for age, want := range map[time.Duration]int64{0: 100, time.Hour: 100, 90 * time.Minute: 300, 2 * time.Hour: 500, 100 * time.Hour: 500} {
		require.Equal(t, want, fee.Ceiling(usual, hard, age, time.Hour).Int64(), age.String())
	}
	require.Equal(t, usual, fee.Ceiling(usual, usual, 100*time.Hour, time.Hour))
}

func TestATipIsTheMiddleOfWhatWasPaidWithinBounds(t *testing.T) {
	gwei := func(n ...int64) (wei []*big.Int) {
		for _, g := range n {
			wei = append(wei, big.NewInt(g*1e9))
		}
		return wei
	}
	require.Equal(t, "2000000000", fee.Tip(gwei(1, 900, 2)).String(), "one expensive block changes nothing")
	require.Equal(t, "1000000000", fee.Tip(gwei(3, 1)).String())
	require.Equal(t, "1000000", fee.Tip(nil).String(), "empty blocks")
	require.Equal(t, "1000000", fee.Tip(gwei(0)).String())
	require.Equal(t, "50000000000", fee.Tip(gwei(900)).String())
}
