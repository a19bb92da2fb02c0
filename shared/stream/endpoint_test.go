package stream_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestAnEndpointMayTakeLongerThanOthers(t *testing.T) {
	server, bus := setup(t)
	left := func(ctx context.Context, _ struct{}) (time.Duration, error) {
		until, _ := ctx.Deadline()
		return time.Until(until), nil
	}
	stop, err := bus.Serve(t.Context(), "tests", stream.Answers(stream.Endpoint{Subject: "ops.pricing.test.usual"}, left),
		stream.Answers(stream.Endpoint{Subject: "ops.pricing.test.long", Within: time.Hour}, left))
	require.NoError(t, err)
	defer stop()
	caller := connect(t, server, "test")
	usual, err := stream.Ask[time.Duration](t.Context(), caller, "ops.pricing.test.usual", struct{}{})
	require.NoError(t, err)
	require.LessOrEqual(t, usual, 10*time.Second)
	long, err := stream.Ask[time.Duration](t.Context(), caller, "ops.pricing.test.long", struct{}{})
	require.NoError(t, err)
	require.Greater(t, long, 50*time.Minute)
}

func TestAnAnswerThatIsTooLargeForNATSIsRefusedWithItsSize(t *testing.T) {
	server, bus := setup(t)
	stop, err := bus.Serve(t.Context(), "tests", stream.Answers(stream.Endpoint{Subject: "ops.pricing.test.long"},
		func(_ context.Context, length int) (string, error) { return strings.Repeat("x", length), nil }))
	require.NoError(t, err)
	defer stop()
	caller := connect(t, server, "test")
	limit := int(bus.Conn.MaxPayload())
	_, err = stream.Ask[string](t.Context(), caller, "ops.pricing.test.long", limit/2)
	require.NoError(t, err)
	_, err = stream.Ask[string](t.Context(), caller, "ops.pricing.test.long", limit)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.ErrorContains(t, err, "the answer is too large, ask for less: the message has ")
}
