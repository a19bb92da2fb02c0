package active

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/budget"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
)

func TestARunwayEndsWhereNoNodeTakesTheNextTransaction(t *testing.T) {
	ceiling := big.NewInt(100e9)
	lasts := func(base, tip, balance int64) int64 {
		sight := chain.Sight{BaseFeeWei: big.NewInt(base), TipWei: big.NewInt(tip), BalanceWei: big.NewInt(balance)}
		sight.NextBatchID = 3
		return runway(sight, big.NewInt(50_000*(base+tip)), ceiling)
	}
	limit := int64(binding.AnchorGas(3))
	reserve := limit * 2_010 // of a first attempt at a base fee of 1000 and a tip of 10
	require.Zero(t, lasts(1000, 10, 0))
	require.Zero(t, lasts(1000, 10, reserve-1))
	require.Equal(t, int64(1), lasts(1000, 10, reserve))
	require.Equal(t, int64(1), lasts(1000, 10, reserve+50_000*1010-1))
	require.Equal(t, int64(2), lasts(1000, 10, reserve+50_000*1010))
	require.Equal(t, int64(1), lasts(90e9, 1e9, limit*100e9), "the cap is never above the ceiling")
	require.Equal(t, int64(math.MaxInt64), lasts(0, 0, 1))
}

func TestAFeeRisesOnceABatchIsOverdueAndNotWhileItWaitsForABudget(t *testing.T) {
	a, _ := process()
	a.Set.FeeCapWei, a.Set.FeeHardWei, a.Set.FeeRiseAfter = big.NewInt(10), big.NewInt(20), time.Hour
	a.age.Store(int64(3 * time.Hour))
	a.backlog.Store(&backlog{since: time.Now().Add(-3*time.Hour - 59*time.Minute)})
	require.Equal(t, int64(10), a.ceiling().Int64())
	a.backlog.Store(&backlog{since: time.Now().Add(-5*time.Hour - time.Minute)})
	require.Equal(t, int64(20), a.ceiling().Int64())
}

func TestARunwayInHoursFollowsFromHowOftenBatchesCome(t *testing.T) {
	o := outlook{Plan: budget.Plan{Age: 10 * time.Minute}}
	require.Equal(t, int64(100), o.runwayHours(600))
	o.situation.Block = time.Hour
	require.Equal(t, int64(600), o.runwayHours(600))
	o.situation.FullADay = 48
	require.Equal(t, int64(300), o.runwayHours(600))
	require.Equal(t, int64(runwayMax), outlook{Plan: budget.Plan{Age: 24 * time.Hour}}.runwayHours(math.MaxInt64))
}
