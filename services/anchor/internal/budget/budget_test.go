package budget_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/services/anchor/internal/budget"
)

func TestMake(t *testing.T) {
	set := func(dayWei int64) budget.Settings {
		return budget.Settings{Age: 10 * time.Minute, AgeMax: 6 * time.Hour, DayWei: big.NewInt(dayWei)}
	}
	now := func(batchWei int64) budget.Situation {
		return budget.Situation{BatchWei: big.NewInt(batchWei), Block: 12 * time.Second}
	}
	full := func(s budget.Situation, batches int) budget.Situation {
		s.FullADay = batches
		return s
	}
	for name, c := range map[string]struct {
		set      budget.Settings
		now      budget.Situation
		age      time.Duration
		dayWei   int64
		exceeded bool
	}{
		"no budget":                           {set(0), now(100), 10 * time.Minute, 14_400, false},
		"just within":                         {set(14_400), now(100), 10 * time.Minute, 14_400, false},
		"just above":                          {set(14_399), now(100), 10*time.Minute + 41_669_561, 14_398, false},
		"a tenth":                             {set(1_440), now(100), 100 * time.Minute, 1_440, false},
		"as long as it may wait":              {set(400), now(100), 6 * time.Hour, 400, false},
		"longer than it may wait":             {set(399), now(100), 6 * time.Hour, 400, true},
		"full batches that the budget allows": {set(1_440), full(now(100), 14), 100 * time.Minute, 1_440, false},
		"full batches beyond the budget":      {set(1_440), full(now(100), 15), 100 * time.Minute, 1_500, true},
		"full batches without a budget":       {set(0), full(now(100), 200), 10 * time.Minute, 20_000, false},
		"a slow chain": {
			set(0), budget.Situation{BatchWei: big.NewInt(100), Block: time.Hour}, 10 * time.Minute, 2_400, false,
		},
		"free of charge": {set(1), now(0), 10 * time.Minute, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := budget.Make(c.set, c.now)
			require.Equal(t, c.age, p.Age)
			require.Equal(t, c.dayWei, p.DayWei.Int64())
			require.Equal(t, c.exceeded, p.Exceeded)
			require.Equal(t, c.age > c.set.Age, p.Stretched)
		})
	}
	none := budget.Make(budget.Settings{Age: time.Minute, AgeMax: time.Hour}, now(100))
	require.Equal(t, time.Minute, none.Age)
	require.False(t, none.Exceeded)
}

func TestABudgetHoldsUnlessItIsSaidToBeExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := budget.Settings{Age: time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "age"))}
		set.AgeMax = time.Duration(rapid.Int64Range(int64(set.Age), int64(24*time.Hour)).Draw(t, "most"))
		set.DayWei = big.NewInt(rapid.Int64Range(1, 1e18).Draw(t, "budget"))
		now := budget.Situation{
			BatchWei: big.NewInt(rapid.Int64Range(0, 1e18).Draw(t, "batch")), Block: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "block")),
			FullADay: rapid.IntRange(0, 1000).Draw(t, "full"),
		}
		p := budget.Make(set, now)
		require.GreaterOrEqual(t, p.Age, set.Age)
		require.LessOrEqual(t, p.Age, set.AgeMax)
		require.Equal(t, p.DayWei.Cmp(set.DayWei) > 0, p.Exceeded)
		if p.Stretched && p.Age < set.AgeMax { // no longer than it takes
			over := new(big.Int).Mul(now.BatchWei, big.NewInt(int64(24*time.Hour)))
			spent := new(big.Int).Mul(set.DayWei, big.NewInt(int64(p.Age)-1))
			require.Positive(t, over.Cmp(spent), "a nanosecond less would be too short")
		}
	})
}

func TestTheLongestWaitIsTheUsualOneUnlessThereIsABudget(t *testing.T) {
	set := budget.Settings{Age: time.Minute, AgeMax: time.Hour}
	require.Equal(t, time.Minute, set.Longest())
	set.DayWei = new(big.Int)
	require.Equal(t, time.Minute, set.Longest())
	set.DayWei = big.NewInt(1)
	require.Equal(t, time.Hour, set.Longest())
}
