package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/nats-io/nats.go/micro"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// gauge reads one of a bus's metrics; -1 when it is not there.
func gauge(t *testing.T, bus *stream.Bus, name string, labels map[string]string) int64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(bus))
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			matches := 0
			for _, label := range metric.GetLabel() {
				if labels[label.GetName()] == label.GetValue() {
					matches++
				}
			}
			if matches == len(labels) {
				return int64(metric.GetGauge().GetValue() + metric.GetCounter().GetValue())
			}
		}
	}
	return -1
}

func eventually(t *testing.T, bus *stream.Bus, want int64, name string, labels map[string]string) {
	t.Helper()
	testkit.Eventually(t, soon, fmt.Sprintf("%s is %d", name, want), func() error {
		if got := gauge(t, bus, name, labels); got != want {
			return fmt.Errorf("%d", got)
		}
		return nil
	})
}

func TestWhatWaitsIsShownByBothEndsWhileTheReaderIsAwayAndAfter(t *testing.T) {
	t.Parallel()
	server, reader := setup(t)
	writer := connect(t, server, "gateway")
	durable := map[string]string{"stream": stream.SalesRecorded, "durable": stream.DurablePricing}
	require.NoError(t, writer.PublishAll(t.Context(), sales(40)))
	eventually(t, writer, 40, "tillseal_durable_pending", durable)
	eventually(t, reader, 40, "tillseal_durable_pending", durable)
	require.Equal(t, int64(-1), gauge(t, writer, "tillseal_durable_pending", map[string]string{"stream": stream.SalesPriced}), "not the gateway's")
	var h till
	stop := consume(t, reader, &h)
	eventually(t, writer, 0, "tillseal_durable_pending", durable)
	eventually(t, reader, 0, "tillseal_durable_ack_pending", durable)
	require.Equal(t, int64(40), gauge(t, reader, "tillseal_consume_handled_total", map[string]string{"durable": stream.DurablePricing}))
	require.Equal(t, int64(40), gauge(t, writer, "tillseal_stream_messages", map[string]string{"stream": stream.SalesRecorded}))
	require.NoError(t, stop())
	require.NoError(t, writer.PublishAll(t.Context(), sales(55)[40:]))
	eventually(t, writer, 15, "tillseal_durable_pending", durable)
	server.Stop()
	testkit.Eventually(t, soon, "the connection is known to be lost", func() error {
		if writer.Conn.IsConnected() {
			return errors.New("connected")
		}
		return nil
	})
	require.Equal(t, int64(55), gauge(t, writer, "tillseal_stream_messages", map[string]string{"stream": stream.SalesRecorded}), "the last check, for a while")
}

func TestUnreadMessagesNearTheStreamsLimitAreAnAlarm(t *testing.T) {
	t.Parallel()
	server, bus := setup(t)
	var log testkit.Log
	watching, err := stream.Connect("gateway", stream.Config{URL: config.Secret(server.URL()), PeakSalesPerSecond: 1}, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	t.Cleanup(watching.Close)
	made, err := bus.JS.Stream(t.Context(), stream.SalesRecorded)
	require.NoError(t, err)
	cfg := made.CachedInfo().Config
	cfg.MaxBytes = 200_000
	_, err = bus.JS.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, bus.PublishAll(t.Context(), sales(600)))
	only := map[string]string{"stream": stream.SalesRecorded}
	eventually(t, watching, 1, "tillseal_stream_alarm", only)
	require.Contains(t, log.String(), "ALARM: unread messages")
	require.Contains(t, log.String(), "stream=SALES_RECORDED durable=pricing")
	var h till
	consume(t, bus, &h)
	eventually(t, watching, 0, "tillseal_stream_alarm", only)
	require.Contains(t, log.String(), "the alarm is over")
}

func TestTheMicroServiceDescribesItsEndpointsAndTellsItsLag(t *testing.T) {
	t.Parallel()
	server, bus := setup(t)
	type question struct {
		N      int    `json:"n"`
		Reason string `json:"reason,omitempty"`
	}
	type answer struct {
		Raw json.RawMessage `json:"raw"`
		Sum int             `json:"sum"`
	}
	stop, err := bus.Serve(t.Context(), "tests", stream.Answers(stream.Endpoint{
		Subject: "ops.pricing.test.double", Description: "doubles n", Request: `{"n":1}`, Response: `{"raw":1,"sum":2}`,
	}, func(_ context.Context, q question) (answer, error) {
		if q.N == 0 {
			return answer{}, fault.New(fault.Invalid, "n is missing")
		}
		return answer{Sum: 2 * q.N}, nil
	}))
	require.NoError(t, err)
	defer stop()
	require.NoError(t, bus.PublishAll(t.Context(), sales(7)))
	caller := connect(t, server, "test")
	for n := range 3 {
		_, err = stream.Ask[answer](t.Context(), caller, "ops.pricing.test.double", question{N: n})
		require.Equal(t, n == 0, err != nil)
	}

	msg, err := caller.Conn.Request("$SRV.INFO.pricing", nil, soon)
	require.NoError(t, err)
	var info micro.Info
	require.NoError(t, json.Unmarshal(msg.Data, &info))
	require.Equal(t, "pricing", info.Name)
	require.NotEmpty(t, info.Version)
	require.Equal(t, "SALES_RECORDED,SALES_PRICED,SALES_DLQ", info.Metadata["tillseal.streams"])
	require.Len(t, info.Endpoints, 1)
	meta := info.Endpoints[0].Metadata
	require.Equal(t, "doubles n", meta["description"])
	for example, schema := range map[string]string{"request": "request_schema", "response": "response_schema"} {
		var s jsonschema.Schema
		require.NoError(t, json.Unmarshal([]byte(meta[schema]), &s))
		checked, err := s.Resolve(nil)
		require.NoError(t, err)
		var value any
		require.NoError(t, json.Unmarshal([]byte(meta[example]), &value))
		require.NoError(t, checked.Validate(value), schema)
		require.Error(t, checked.Validate(map[string]any{"m": 1}), "%s: %s", schema, meta[schema])
	}

	var stats micro.Stats
	testkit.Eventually(t, soon, "three requests are counted", func() error { // each once its answer is on its way
		msg, err := caller.Conn.Request("$SRV.STATS.pricing", nil, soon)
		require.NoError(t, err)
		stats = micro.Stats{}
		require.NoError(t, json.Unmarshal(msg.Data, &stats))
		if n := stats.Endpoints[0].NumRequests; n != 3 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	var ours stream.Stats
	require.NoError(t, json.Unmarshal(stats.Endpoints[0].Data, &ours))
	require.Equal(t, []uint64{2, 1, 0}, []uint64{ours.Answered, ours.Refused, ours.Failed})
	require.Equal(t, stream.SalesRecorded, ours.Streams[0].Stream)
	require.Equal(t, uint64(7), ours.Streams[0].Pending)
}
