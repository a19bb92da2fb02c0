package copies

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestANATSThatNeverAnswersIsNamedAndAStopIsNoFailure(t *testing.T) {
	cfg := Config{Stream: stream.Config{URL: config.Secret("nats://127.0.0.1:1"), PeakSalesPerSecond: 1}}
	err := makeWithin(t.Context(), 10*time.Millisecond, cfg, slog.New(slog.DiscardHandler))
	require.True(t, fault.Is(err, fault.Transient), "%v", err)
	require.EqualError(t, err, "the copies could not be made within 10ms: is NATS at NATS_URL running?")

	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, makeWithin(stopped, time.Minute, cfg, slog.New(slog.DiscardHandler)), context.Canceled)
}
