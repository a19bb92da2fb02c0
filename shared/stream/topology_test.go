package stream_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// bare is a bus whose streams are not made yet.
func bare(t *testing.T, adjust ...func(*stream.Config)) (*local.NATS, *stream.Bus) {
	t.Helper()
	server := testkit.NATS(t)
	cfg := stream.Config{URL: config.Secret(server.URL()), PeakSalesPerSecond: 1}
	for _, f := range adjust {
		f(&cfg)
	}
	bus, err := stream.Connect("pricing", cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	return server, bus
}

// within bounds what would wait for ever if a refusal were not seen.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	t.Cleanup(cancel)
	return ctx
}

func TestAStreamThatCanNotBecomeOursIsNamedWithItsField(t *testing.T) {
	for field, spoil := range map[string]func(*jetstream.StreamConfig){
		"SALES_PRICED has storage memory and must have file":        func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"SALES_PRICED has retention workqueue and must have limits": func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy },
		"SALES_PRICED has sealed true and must have false":          func(c *jetstream.StreamConfig) { c.Sealed = true },
		"SALES_PRICED has mirror OTHER and must have none": func(c *jetstream.StreamConfig) {
			c.Subjects, c.Mirror = nil, &jetstream.StreamSource{Name: "OTHER"}
		},
		"SALES_PRICED can't have its subjects [sales.v1.priced.*]":    func(c *jetstream.StreamConfig) { c.Name = "THEIRS" },
		"SALES_PRICED has allow_msg_counter true and must have false": func(c *jetstream.StreamConfig) { c.AllowMsgCounter, c.AllowDirect = true, true },
	} {
		_, bus := bare(t)
		cfg := jetstream.StreamConfig{Name: stream.SalesPriced, Subjects: []string{"sales.v1.priced.*"}}
		spoil(&cfg)
		sealed := cfg.Sealed
		cfg.Sealed = false
		made, err := bus.JS.CreateStream(t.Context(), cfg)
		require.NoError(t, err, field)
		if sealed {
			cfg = made.CachedInfo().Config
			cfg.Sealed = true
			_, err = bus.JS.UpdateStream(t.Context(), cfg)
			require.NoError(t, err)
		}
		err = bus.Ensure(within(t))
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", field, err)
		require.ErrorContains(t, err, field)
	}
}

// Its reader waits for the ledger, which may delete it.
func TestADurableThatNATSCanNotChangeIsMadeAnewByTheLedger(t *testing.T) {
	for field, cfg := range map[string]nats.ConsumerConfig{
		"ack_policy is none and must be explicit":      {AckPolicy: nats.AckNonePolicy},
		"deliver_policy is new and must be all":        {AckPolicy: nats.AckExplicitPolicy, DeliverPolicy: nats.DeliverNewPolicy},
		"replay_policy is original and must be inst":   {AckPolicy: nats.AckExplicitPolicy, ReplayPolicy: nats.ReplayOriginalPolicy},
		"max_waiting is 1 and must be 512":             {AckPolicy: nats.AckExplicitPolicy, MaxWaiting: 1},
		"mem_storage is true and must be false":        {AckPolicy: nats.AckExplicitPolicy, MemoryStorage: true},
		"deliver_subject is set and must be unset":     {AckPolicy: nats.AckExplicitPolicy, DeliverSubject: "theirs"},
		"opt_start_seq is 5 and must be 0":             {AckPolicy: nats.AckExplicitPolicy, DeliverPolicy: nats.DeliverByStartSequencePolicy, OptStartSeq: 5},
		"inactive_threshold is 60000000000 and must":   {AckPolicy: nats.AckExplicitPolicy, InactiveThreshold: time.Minute},
		"filter_subject is sales.v1.recorded.s9 and m": {AckPolicy: nats.AckExplicitPolicy, FilterSubject: "sales.v1.recorded.s9"},
	} {
		t.Run(field, func(t *testing.T) {
			server, bus := setup(t)
			old, err := bus.Conn.JetStream()
			require.NoError(t, err)
			cfg.Durable = stream.DurablePricing
			_, err = old.AddConsumer(stream.SalesRecorded, &cfg)
			require.NoError(t, err)
			keeper := connect(t, server, "ledger")
			drifts, err := keeper.Restore(within(t))
			require.NoError(t, err)
			require.Len(t, drifts, 1)
			require.True(t, drifts[0].Restored, "%v", drifts[0].Why)
			require.Equal(t, stream.DurablePricing, drifts[0].Durable)
			require.Contains(t, drifts[0].What(), field)
			drifts, err = keeper.Restore(within(t))
			require.NoError(t, err)
			require.Empty(t, drifts)
			var h till
			consume(t, bus, &h)
			require.NoError(t, bus.PublishAll(t.Context(), sales(10)))
			allHandled(t, &h, 10)
		})
	}
}

// What anybody with the right to change a stream or a durable may do to ours. Each field is ours and put back, or an operator's and kept;
// a field that a later version of the client brings has to be decided on here.
func TestWhatSomebodyChangedIsPutBackFieldByField(t *testing.T) {
	server, bus := setup(t)
	keeper := connect(t, server, "ledger")
	for _, topology := range stream.Topologies(1, 1) {
		for _, durable := range topology.Durables {
			_, err := bus.JS.CreateConsumer(t.Context(), topology.Stream.Name, durable)
			require.NoError(t, err)
		}
	}
	drifts, err := keeper.Restore(within(t))
	require.NoError(t, err)
	require.Empty(t, drifts, "what was just made is as described")
	config := func() jetstream.StreamConfig {
		s, err := bus.JS.Stream(t.Context(), stream.SalesPriced)
		require.NoError(t, err)
		return s.CachedInfo().Config
	}
	for field, change := range map[string]func(*jetstream.StreamConfig){
		"max_msgs":             func(c *jetstream.StreamConfig) { c.MaxMsgs = 1 },
		"max_bytes":            func(c *jetstream.StreamConfig) { c.MaxBytes = 4096 },
		"max_age":              func(c *jetstream.StreamConfig) { c.MaxAge, c.Duplicates = time.Second, time.Second },
		"max_msgs_per_subject": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 },
		"max_msg_size":         func(c *jetstream.StreamConfig) { c.MaxMsgSize = 10 },
		"max_consumers":        func(c *jetstream.StreamConfig) { c.MaxConsumers = 7 },
		"discard":              func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardNew },
		"retention":            func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
		"subjects":             func(c *jetstream.StreamConfig) { c.Subjects = []string{"sales.v1.priced.other", "_INBOX.>"} },
		"duplicate_window":     func(c *jetstream.StreamConfig) { c.Duplicates = 100 * time.Millisecond },
		"no_ack":               func(c *jetstream.StreamConfig) { c.NoAck = true },
		"allow_direct":         func(c *jetstream.StreamConfig) { c.AllowDirect = true },
		"allow_rollup_hdrs":    func(c *jetstream.StreamConfig) { c.AllowRollup = true },
		"allow_atomic":         func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = true },
		"republish": func(c *jetstream.StreamConfig) {
			c.RePublish = &jetstream.RePublish{Source: ">", Destination: "leak.>"}
		},
		"sources": func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: stream.SalesDLQ}} },
		"subject_transform": func(c *jetstream.StreamConfig) {
			c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "sales.v1.priced.*", Destination: "sales.v1.priced.x"}
		},
		"description":     func(c *jetstream.StreamConfig) { c.Description = "theirs" },
		"consumer_limits": func(c *jetstream.StreamConfig) { c.ConsumerLimits.InactiveThreshold = time.Hour },
		"metadata":        func(c *jetstream.StreamConfig) { delete(c.Metadata, "tillseal.peak-sales-per-second") },
	} {
		before := config()
		changed := config()
		change(&changed)
		_, err := bus.JS.UpdateStream(t.Context(), changed)
		require.NoError(t, err, field)
		drifts, err := keeper.Restore(within(t))
		require.NoError(t, err, field)
		require.Len(t, drifts, 1, field)
		require.True(t, drifts[0].Restored, "%s: %v", field, drifts[0].Why)
		require.Contains(t, drifts[0].What(), field)
		require.Equal(t, before, config(), field)
	}
}

func TestAStreamThatCanNotBePutBackIsNamedAndKeepsTheRestOfItsSettings(t *testing.T) {
	server, bus := setup(t)
	keeper := connect(t, server, "ledger")
	made, err := bus.JS.Stream(t.Context(), stream.SalesPriced)
	require.NoError(t, err)
	cfg := made.CachedInfo().Config
	cfg.AllowMsgTTL, cfg.MaxMsgs = true, 1
	_, err = bus.JS.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	drifts, err := keeper.Restore(within(t))
	require.NoError(t, err)
	require.Len(t, drifts, 1)
	require.False(t, drifts[0].Restored)
	require.ErrorContains(t, drifts[0].Why, "NATS can't change allow_msg_ttl")
	made, err = bus.JS.Stream(t.Context(), stream.SalesPriced)
	require.NoError(t, err)
	require.Equal(t, int64(-1), made.CachedInfo().Config.MaxMsgs)

	cfg = made.CachedInfo().Config
	cfg.Sealed = true
	_, err = bus.JS.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	drifts, err = keeper.Restore(within(t))
	require.NoError(t, err)
	require.ErrorContains(t, drifts[0].Why, "nats stream rm SALES_PRICED")
}

func TestOnlyTheLedgerChangesAStreamThatIsThere(t *testing.T) {
	server, bus := setup(t)
	cfg := stream.Config{URL: config.Secret(server.URL()), PeakSalesPerSecond: 3}
	size := func() int64 {
		made, err := bus.JS.Stream(t.Context(), stream.SalesPriced)
		require.NoError(t, err)
		return made.CachedInfo().Config.MaxBytes
	}
	before := size()
	for _, service := range []string{"gateway", "pricing", "anchor"} {
		other, err := stream.Connect(service, cfg, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.NoError(t, other.Ensure(within(t)))
		other.Close()
		require.Equal(t, before, size(), service)
	}
	keeper, err := stream.Connect("ledger", cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer keeper.Close()
	require.NoError(t, keeper.Ensure(within(t)))
	require.Equal(t, 3*before, size())
}

func TestWhatCanBeUpdatedIsAndWhatOperatorsAddedStays(t *testing.T) {
	server, bus := setup(t)
	made, err := bus.JS.Stream(t.Context(), stream.SalesPriced)
	require.NoError(t, err)
	cfg := made.CachedInfo().Config
	size := cfg.MaxBytes
	cfg.MaxBytes, cfg.MaxMsgs, cfg.Discard, cfg.Description = 1<<20, 7, jetstream.DiscardNew, "theirs"
	cfg.Compression, cfg.DenyDelete = jetstream.S2Compression, true
	cfg.Metadata["owner"], cfg.Metadata["io.nats.monitor.msgs-warn"], cfg.Metadata["tillseal.forgotten"] = "shop", "1", "x"
	_, err = bus.JS.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	bigger, err := stream.Connect("ledger", stream.Config{URL: config.Secret(server.URL()), PeakSalesPerSecond: 3}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer bigger.Close()
	require.NoError(t, bigger.Ensure(within(t)))
	made, err = bus.JS.Stream(t.Context(), stream.SalesPriced)
	require.NoError(t, err)
	got := made.CachedInfo().Config
	require.Equal(t, 3*size, got.MaxBytes)
	require.Equal(t, int64(-1), got.MaxMsgs)
	require.Equal(t, jetstream.DiscardOld, got.Discard)
	require.Contains(t, got.Description, "Sized for 3 sales a second")
	require.Equal(t, jetstream.S2Compression, got.Compression)
	require.True(t, got.DenyDelete)
	require.Equal(t, "shop", got.Metadata["owner"])
	require.Equal(t, "1", got.Metadata["io.nats.monitor.msgs-warn"])
	require.Equal(t, "3", got.Metadata["tillseal.peak-sales-per-second"])
	require.NotContains(t, got.Metadata, "tillseal.forgotten")
}

func TestAPausedDurableStaysPausedAndALimitedOneIsFreed(t *testing.T) {
	_, bus := setup(t)
	until := time.Now().Add(time.Hour)
	_, err := bus.JS.CreateConsumer(t.Context(), stream.SalesRecorded, jetstream.ConsumerConfig{
		Durable: stream.DurablePricing, AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: 3, PauseUntil: &until, FilterSubject: "sales.v1.recorded.s9",
	})
	require.NoError(t, err)
	var h till
	consume(t, bus, &h)
	testkit.Eventually(t, soon, "the durable is ours", func() error {
		c, err := bus.JS.Consumer(t.Context(), stream.SalesRecorded, stream.DurablePricing)
		if err != nil {
			return err
		}
		if cfg := c.CachedInfo().Config; cfg.MaxDeliver != -1 || cfg.FilterSubject != "" {
			return fmt.Errorf("%+v", cfg)
		}
		require.True(t, c.CachedInfo().Paused)
		return nil
	})
}

func TestWhatALaterVersionDescribedIsLeftAlone(t *testing.T) {
	_, bus := setup(t)
	made, err := bus.JS.Stream(t.Context(), stream.SalesPriced)
	require.NoError(t, err)
	cfg := made.CachedInfo().Config
	cfg.Metadata["tillseal.schema"], cfg.MaxBytes = "999", 1<<20
	_, err = bus.JS.UpdateStream(t.Context(), cfg)
	require.NoError(t, err)
	require.NoError(t, bus.Ensure(within(t)))
	made, err = bus.JS.Stream(t.Context(), stream.SalesPriced)
	require.NoError(t, err)
	require.Equal(t, int64(1<<20), made.CachedInfo().Config.MaxBytes)
}

func TestReplicasWithoutAClusterAreRefused(t *testing.T) {
	_, bus := bare(t, func(c *stream.Config) { c.Replicas = 3 })
	err := bus.Ensure(within(t))
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "NATS_REPLICAS")
}
