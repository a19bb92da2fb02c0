package active

import (
	"bytes"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/event"
)

func TestAChainThatFinalizesNothingRaisesAnAlarmWhenItHoldsBatchesBack(t *testing.T) {
	var log bytes.Buffer
	a := New(Parts{Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(&log, nil))})
	a.Set.Limits.OpenMax, a.Set.FeeCapWei, a.Set.FeeHardWei = 3, new(big.Int), new(big.Int)
	check := func(open int) {
		var state step.Journal
		for id := range open {
			state.Open = append(state.Open, step.Batch{ID: uint64(id + 1), State: event.BatchMined})
		}
		require.NoError(t, a.note(t.Context(), 1, state))
	}
	check(3)
	require.True(t, a.Status().SealingHeld)
	require.Empty(t, log.String(), "one that stands by leaves the alarm to the one that acts")
	a.acting.Store(&acting{scope: journal.Scope{Deployment: 1}})
	check(2)
	require.False(t, a.Status().SealingHeld)
	require.Empty(t, log.String())
	check(3)
	check(3)
	require.Equal(t, 1, strings.Count(log.String(), "ALARM: no batch is sealed"), "once in five minutes: %s", log.String())
	require.Contains(t, log.String(), "not_final=3")
}
