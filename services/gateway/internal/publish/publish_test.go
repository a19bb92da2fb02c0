package publish_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/publish"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestLongReceiptsWaitForNATSInBoundedMemory(t *testing.T) {
	bus, err := stream.Connect("gateway", stream.Config{URL: config.Secret("nats://127.0.0.1:1"), PeakSalesPerSecond: 1}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer bus.Close()
	for what, lines := range map[string]int{"long": 370, "short": 0} {
		ctx, cancel := context.WithCancel(t.Context())
		dropped := 0
		p := publish.New(ctx, bus, slog.New(slog.DiscardHandler), func() { dropped++ })
		receipt := make([]event.Line, lines)
		for i := range receipt {
			receipt[i] = event.Line{SKU: "TEA-250", Name: strings.Repeat("n", 100), Quantity: "2", UnitPrice: "499.75"}
		}
		const sold = 2000
		for range sold {
			p.Publish(publish.Sold{Sent: event.Sent{Lines: receipt}, Request: lines * 200})
		}
		if lines > 0 {
			require.Less(t, p.Waiting(), 300, what)
			require.Greater(t, dropped, sold-1000, "%s: what did not fit is the reconciler's", what)
		} else {
			require.Zero(t, dropped, what)
		}
		cancel()
		p.Close()
	}
}
