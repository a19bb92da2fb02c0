package stream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const soon = 2 * time.Minute

func setup(t *testing.T) (*local.NATS, *stream.Bus) {
	t.Helper()
	server := testkit.NATS(t)
	bus := connect(t, server, "pricing")
	require.NoError(t, bus.Ensure(t.Context()))
	return server, bus
}

func connect(t *testing.T, server *local.NATS, service string) *stream.Bus {
	t.Helper()
	bus, err := stream.Connect(service, stream.Config{URL: config.Secret(server.URL()), PeakSalesPerSecond: 1}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	return bus
}

func sales(n int) (msgs []*nats.Msg) {
	for i := range n {
		msgs = append(msgs, event.Recorded(event.SaleRecorded{SaleID: strconv.Itoa(i), StoreID: "s1"}, "gateway", 0, ""))
	}
	return msgs
}

// till collects what a handler was given.
type till struct {
	mu      sync.Mutex
	seen    map[string]int
	largest int
	answer  func(id string, times int) error
}

func (h *till) handle(_ context.Context, batch []stream.Message) []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.largest = max(h.largest, len(batch))
	errs := make([]error, len(batch))
	for i, msg := range batch {
		id := event.SubjectOf(msg.Header)
		h.seen[id]++
		if h.answer != nil {
			errs[i] = h.answer(id, h.seen[id])
		}
	}
	return errs
}

func (h *till) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.seen)
}

func consume(t *testing.T, bus *stream.Bus, h *till) (stop func() error) {
	t.Helper()
	h.seen = make(map[string]int)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bus.Consume(ctx, stream.DurablePricing, 100, h.handle) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func TestEverythingPublishedIsHandledInBatchesAndOnce(t *testing.T) {
	_, bus := setup(t)
	require.NoError(t, bus.PublishAll(t.Context(), sales(3000)))
	require.NoError(t, bus.PublishAll(t.Context(), sales(3000)), "the same again is the same")
	var h till
	stop := consume(t, bus, &h)
	testkit.Eventually(t, soon, "all handled", func() error {
		if n := h.count(); n != 3000 {
			return fmt.Errorf("%d handled", n)
		}
		return nil
	})
	require.NoError(t, stop())
	require.Greater(t, h.largest, 1)
	for id, times := range h.seen {
		require.Equal(t, 1, times, id)
	}
}

func TestOneMessageDoesNotWaitForABatchToFill(t *testing.T) {
	_, bus := setup(t)
	var h till
	consume(t, bus, &h)
	require.NoError(t, bus.PublishAll(t.Context(), sales(1)))
	testkit.Eventually(t, soon, "it is handled", func() error {
		if h.count() == 0 {
			return errors.New("nothing yet")
		}
		return nil
	})
}

func TestWhatMayPassComesAgainAndWhatCanNotIsParkedWithItsReason(t *testing.T) {
	_, bus := setup(t)
	h := till{answer: func(id string, times int) error {
		switch {
		case id == "1":
			return fault.New(fault.Invalid, "no rate for XAF")
		case id == "2" && times == 1:
			return fault.New(fault.Transient, "unavailable")
		}
		return nil
	}}
	consume(t, bus, &h)
	require.NoError(t, bus.PublishAll(t.Context(), sales(4)))
	dlq, err := bus.JS.OrderedConsumer(t.Context(), stream.SalesDLQ, jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	msg, err := dlq.Next(jetstream.FetchMaxWait(soon))
	require.NoError(t, err)
	parked, err := event.Decode[event.Parked](msg.Data())
	require.NoError(t, err)
	require.Equal(t, "1", parked.SaleID)
	require.Equal(t, "no rate for XAF", parked.Reason)
	require.Equal(t, stream.SalesRecorded, parked.Stream)
	require.Equal(t, uint64(2), parked.Sequence)
	require.Equal(t, "sales.v1.dlq.pricing", msg.Subject())
	testkit.Settled(t, soon, bus.JS, stream.SalesRecorded, stream.DurablePricing)
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Equal(t, map[string]int{"0": 1, "1": 1, "2": 2, "3": 1}, h.seen)
}

func TestAFatalFaultEndsTheConsumerAndLeavesTheMessage(t *testing.T) {
	_, bus := setup(t)
	h := till{seen: map[string]int{}, answer: func(string, int) error { return fault.New(fault.Fatal, "stop") }}
	require.NoError(t, bus.PublishAll(t.Context(), sales(1)))
	require.True(t, fault.Is(bus.Consume(t.Context(), stream.DurablePricing, 10, h.handle), fault.Fatal))
	consumer, err := bus.JS.Consumer(t.Context(), stream.SalesRecorded, stream.DurablePricing)
	require.NoError(t, err)
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, info.NumAckPending)
}

func TestPublishingAndConsumingOutliveAServerThatGoesAndComes(t *testing.T) {
	server, bus := setup(t)
	var h till
	consume(t, bus, &h)
	require.NoError(t, bus.PublishAll(t.Context(), sales(10)))
	server.Stop()
	published := make(chan error, 1)
	go func() { published <- bus.PublishAll(t.Context(), sales(500)) }()
	require.NoError(t, server.Restart(t.Context()))
	require.NoError(t, <-published)
	testkit.Eventually(t, soon, "all handled", func() error {
		if n := h.count(); n != 500 {
			return fmt.Errorf("%d handled", n)
		}
		return nil
	})
}

func TestPublishingGivesUpWithItsContextAndSaysSo(t *testing.T) {
	server, bus := setup(t)
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.True(t, fault.Is(bus.PublishAll(ctx, sales(1)), fault.Transient))
}

func TestStreamsAreAsTheContractHasThem(t *testing.T) {
	_, bus := setup(t)
	for name, subject := range map[string]string{
		"SALES_RECORDED": "sales.v1.recorded.*", "SALES_PRICED": "sales.v1.priced.*", "SALES_ANCHORED": "sales.v1.anchored.*",
		"BATCHES": "batches.v1.*", "SALES_DLQ": "sales.v1.dlq.*",
	} {
		s, err := bus.JS.Stream(t.Context(), name)
		require.NoError(t, err)
		cfg := s.CachedInfo().Config
		require.Equal(t, []string{subject}, cfg.Subjects)
		require.Equal(t, jetstream.FileStorage, cfg.Storage)
		require.Equal(t, jetstream.LimitsPolicy, cfg.Retention)
		require.Equal(t, jetstream.DiscardOld, cfg.Discard)
		require.Positive(t, cfg.MaxBytes)
		require.Positive(t, cfg.MaxAge)
	}
}

func TestAPeakThatTheStoreCanNotHoldIsRefused(t *testing.T) {
	server := testkit.NATS(t)
	bus, err := stream.Connect("pricing", stream.Config{URL: config.Secret(server.URL()), PeakSalesPerSecond: 100_000}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer bus.Close()
	err = bus.Ensure(t.Context())
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "PEAK_SALES_PER_SECOND")
}

func TestEndpointsAnswerRefuseAndDescribeThemselves(t *testing.T) {
	server, bus := setup(t)
	type question struct {
		N int `json:"n"`
	}
	stop, err := bus.Serve(t.Context(), "tests", stream.Answers(stream.Endpoint{
		Subject: "ops.pricing.test.double", Description: "doubles n", Request: `{"n":1}`, Response: `2`,
	}, func(_ context.Context, q question) (int, error) {
		switch q.N {
		case 0:
			return 0, fault.New(fault.Invalid, "n is missing")
		case 1:
			return 0, fault.New(fault.Conflict, "n is taken")
		case 2:
			return 0, errors.New("secret cause")
		}
		return 2 * q.N, nil
	}))
	require.NoError(t, err)
	defer stop()
	caller := connect(t, server, "test")
	double, err := stream.Ask[int](t.Context(), caller, "ops.pricing.test.double", question{4})
	require.NoError(t, err)
	require.Equal(t, 8, double)
	for n, kind := range map[int]fault.Kind{0: fault.Invalid, 1: fault.Conflict, 2: fault.Transient} {
		_, err := stream.Ask[int](t.Context(), caller, "ops.pricing.test.double", question{n})
		require.True(t, fault.Is(err, kind), "%v", err)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err = stream.Ask[int](t.Context(), caller, "ops.pricing.test.double", map[string]int{"m": 1})
	require.True(t, fault.Is(err, fault.Invalid), "an unknown member: %v", err)
	_, err = stream.Ask[int](t.Context(), caller, "ops.pricing.nobody", question{4})
	require.True(t, fault.Is(err, fault.Transient), "%v", err)
	info, err := caller.Conn.Request("$SRV.INFO.pricing", nil, soon)
	require.NoError(t, err)
	require.True(t, strings.Contains(string(info.Data), "doubles n"))
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for variable, cfg := range map[string]stream.Config{
		"NATS_URL":              {PeakSalesPerSecond: 1},
		"PEAK_SALES_PER_SECOND": {URL: "nats://x"},
		"NATS_NKEY_FILE":        {URL: "nats://x", PeakSalesPerSecond: 1, NKeyFile: "/nowhere"},
	} {
		_, err := stream.Connect("pricing", cfg, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, variable)
		require.True(t, fault.Is(err, fault.Invalid))
	}
}

func TestAnAddressThatCanNeverBeReachedIsRefused(t *testing.T) {
	for url, good := range map[string]bool{
		"nats://127.0.0.1:4222": true, "127.0.0.1:4222": false, "foo": false, "tls://a.example,nats://b.example:4223": true, "nats://u:p@[::1]:4222": true,
		"::::": false, " ": false, "nats://": false, "foo://x:sesame@y": false, "nats://127.0.0.1:99999": false, "nats://a b": false, "nats://a,": false,
		"nats://a:0": false,
	} {
		err := stream.Config{URL: config.Secret(url), PeakSalesPerSecond: 1}.Check()
		if good {
			require.NoError(t, err, url)
			continue
		}
		require.ErrorContains(t, err, "NATS_URL", url)
		require.NotContains(t, err.Error(), "sesame")
	}
}

func TestASeedThatOthersCouldUseIsRefusedAndNoneIsTold(t *testing.T) {
	user, err := nkeys.CreateUser()
	require.NoError(t, err)
	seed, err := user.Seed()
	require.NoError(t, err)
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	other, err := account.Seed()
	require.NoError(t, err)
	connect := func(path string) error {
		bus, err := stream.Connect("pricing", stream.Config{URL: "nats://127.0.0.1:1", PeakSalesPerSecond: 1, NKeyFile: path}, slog.New(slog.DiscardHandler))
		if err == nil {
			bus.Close()
		}
		return err
	}
	file := func(content []byte, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "pricing.nk")
		require.NoError(t, os.WriteFile(path, content, mode))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	require.NoError(t, connect(file(seed, 0o600)))
	require.NoError(t, connect(file(seed, 0o400)))
	for path, why := range map[string]string{
		file(seed, 0o640):              "mode 0640",
		file(seed, 0o604):              "mode 0604",
		file(other, 0o600):             "does not hold a user's nkey seed",
		file([]byte("sesame"), 0o600):  "does not hold a user's nkey seed",
		t.TempDir():                    "is not a regular file",
		string(seed):                   "no such file",
		file(seed, 0o600) + ".missing": "no such file",
	} {
		err := connect(path)
		require.True(t, fault.Is(err, fault.Invalid), "%v", err)
		require.ErrorContains(t, err, "NATS_NKEY_FILE")
		require.ErrorContains(t, err, why)
		require.NotContains(t, err.Error(), string(seed))
		require.NotContains(t, err.Error(), string(other))
	}
}
