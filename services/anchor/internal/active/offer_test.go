package active

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
)

func TestNothingIsOfferedThatNoNodeTakesFromTheAccountIfLessWillDo(t *testing.T) {
	under := tenure{anchor: New(Parts{Set: Settings{FeeCapWei: big.NewInt(50_000), FeeHardWei: big.NewInt(50_000), FeeRiseAfter: time.Hour}})}
	for name, c := range map[string]struct {
		replaces, payable int64 // wei per gas; 0 for a first attempt
		base              int64
		want              int64 // 0 for none
		why               string
	}{
		"first, rich":                             {0, 1e9, 1000, 2010, ""},
		"first, not twice the base fee":           {0, 1500, 1000, 1500, ""},
		"first, poor":                             {0, 3, 1000, 1010, ""},
		"raised":                                  {4000, 1e9, 1000, 4501, ""},
		"raised as far as the account pays":       {4000, 4600, 2400, 4600, ""},
		"a raise the account can't pay":           {4000, 4400, 1000, 0, "the account can't pay another fee"},
		"a raise above the ceiling":               {49_000, 1e9, 1000, 0, "the fee is at its ceiling"},
		"lowered, since the account can't pay":    {9000, 4000, 1000, 2010, ""},
		"lowered to what the account can pay":     {9000, 1100, 1000, 1100, ""},
		"no lower than what the next block takes": {9000, 1009, 1000, 0, "the account can't pay another fee"},
	} {
		t.Run(name, func(t *testing.T) {
			gas := binding.AnchorGas(3)
			sight := chain.Sight{BaseFeeWei: big.NewInt(c.base), TipWei: big.NewInt(10), BalanceWei: big.NewInt(c.payable*int64(gas) + 1)}
			var replaces *step.Attempt
			if c.replaces > 0 {
				replaces = &step.Attempt{Fee: fee.Fee{CapWei: big.NewInt(c.replaces), TipWei: big.NewInt(10)}}
			}
			f, why := under.offer(replaces, sight, gas)
			require.Equal(t, c.why, why)
			if why == "" {
				require.Equal(t, c.want, f.CapWei.Int64())
			}
		})
	}
}
