package active

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestWhatWasSafeUnderOneLeaseIsNotUnderTheNext(t *testing.T) {
	a := Anchor{Metrics: NewMetrics(prometheus.NewRegistry())}
	a.safe.Store(7)
	a.forget()
	require.Zero(t, a.safe.Load(), "another anchor may have followed a reorg meanwhile")
}
