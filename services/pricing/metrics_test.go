package pricing_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// An alarm on a metric that is not there is none.
func TestEachMetricIsThereWhileNATSIsStillWaitedFor(t *testing.T) {
	cfg := pricing.Config{Stream: stream.Config{
		URL: config.Secret(fmt.Sprintf("nats://127.0.0.1:%d", testkit.FreePort(t))), PeakSalesPerSecond: 1,
	}}
	require.NoError(t, cfg.RateStatic.UnmarshalText([]byte("USD=3050.12")))
	require.NoError(t, cfg.RateFeeds.UnmarshalText([]byte("coingecko=http://127.0.0.1:1")))
	require.NoError(t, cfg.RateCurrencies.UnmarshalText([]byte("INR")))
	cfg.RatePoll, cfg.RateFreshFor, cfg.RateMaxAge = time.Minute, 5*time.Minute, time.Hour
	cfg.Telemetry.MetricsAddr = fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pricing.Run(ctx, cfg) }()
	defer func() {
		stop()
		require.ErrorIs(t, <-ended, context.Canceled)
	}()
	var shown string
	testkit.Eventually(t, soon, "metrics are shown", func() error {
		res, err := http.Get("http://" + cfg.Telemetry.MetricsAddr + "/metrics")
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		if shown = string(body); err == nil && !strings.Contains(shown, "tillseal_pricing_priced_total") {
			err = errors.New("not yet")
		}
		return err
	})
	for _, want := range []string{
		`tillseal_pricing_tier_in_use{currency="USD",tier="static"} 1`, `tillseal_pricing_tier_in_use{currency="INR",tier="none"} 1`,
		`tillseal_pricing_fresh_sources{currency="INR"} 0`, `tillseal_pricing_spread_ratio{currency="INR"} NaN`, `tillseal_pricing_rate_age_seconds{currency="USD"`,
		`tillseal_pricing_source_up{source="coingecko"} 0`, `tillseal_pricing_source_breaker{source="coingecko",state="closed"} 1`,
	} {
		require.Contains(t, shown, want)
	}
}
