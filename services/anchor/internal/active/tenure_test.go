package active

import (
	"log/slog"
	"math/big"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/journal"
)

// process is an anchor that has no lease, and its metrics.
func process() (*Anchor, *prometheus.Registry) {
	registry := prometheus.NewRegistry()
	return New(Parts{
		Metrics: NewMetrics(registry), Log: slog.New(slog.DiscardHandler), Set: Settings{FeeCapWei: new(big.Int), FeeHardWei: new(big.Int)},
	}), registry
}

func TestWhatWasSafeUnderOneLeaseIsNotUnderTheNext(t *testing.T) {
	a, _ := process()
	first := a.begin(&journal.Lease{Epoch: 1})
	first.safe.Store(7)
	first.end()
	second := a.begin(&journal.Lease{Epoch: 2})
	require.Zero(t, second.safe.Load(), "another anchor may have followed a reorg meanwhile")
	require.Equal(t, int64(2), second.scope.Epoch)
}

func TestOneThatStandsByTellsNothingOfTheChain(t *testing.T) {
	a, registry := process()
	active := func() bool {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, family := range families {
			if family.GetName() == "tillseal_anchor_active" {
				return family.GetMetric()[0].GetGauge().GetValue() == 1
			}
		}
		t.Fatal("no metric reports whether this replica acts")
		return false
	}
	require.False(t, active())
	lease := a.begin(&journal.Lease{Epoch: 1})
	require.True(t, active())
	require.False(t, a.Status().Active, "it has not seen the chain yet")
	lease.scope.Deployment = 3
	lease.show(Status{Active: true, HeadBlock: 7})
	require.True(t, a.Status().Active)
	require.Equal(t, uint64(7), a.Status().HeadBlock)
	require.Equal(t, int64(3), a.acting.Load().scope.Deployment, "Watch reads the same one")

	lease.end()
	require.False(t, active())
	require.False(t, a.Status().Active)
	require.Zero(t, a.Status().HeadBlock, "from now on another replica reports the chain")
	require.Nil(t, a.acting.Load())
}
