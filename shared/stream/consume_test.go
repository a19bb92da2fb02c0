package stream_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// allHandled waits until a till has seen so many sales.
func allHandled(t *testing.T, h *till, want int) {
	t.Helper()
	testkit.Eventually(t, soon, fmt.Sprintf("%d are handled", want), func() error {
		if n := h.count(); n != want {
			return fmt.Errorf("%d handled", n)
		}
		return nil
	})
}

func TestADependencyThatIsAwayIsAskedWithSmallProbesUntilItIsBack(t *testing.T) {
	t.Parallel()
	_, bus := setup(t)
	require.NoError(t, bus.PublishAll(t.Context(), sales(1500)))
	var (
		mu     sync.Mutex
		sizes  []int // of the batches while it was away
		after  int   // the largest one since
		away   = true
		served = map[string]int{}
	)
	handle := func(_ context.Context, batch []stream.Message) []error {
		mu.Lock()
		defer mu.Unlock()
		errs := make([]error, len(batch))
		if away {
			sizes = append(sizes, len(batch))
			for i := range errs {
				errs[i] = fault.New(fault.Transient, "the database is unavailable")
			}
			return errs
		}
		after = max(after, len(batch))
		for _, msg := range batch {
			served[event.SubjectOf(msg.Header)]++
		}
		return errs
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bus.Consume(ctx, stream.DurablePricing, 200, handle) }()
	defer func() { cancel(); require.NoError(t, <-done) }()
	const tripsAfter, probe = 3, 16
	testkit.Eventually(t, soon, "two probes", func() error {
		mu.Lock()
		defer mu.Unlock()
		if len(sizes) < tripsAfter+2 {
			return fmt.Errorf("batches of %v", sizes)
		}
		for _, size := range sizes[tripsAfter:] {
			require.LessOrEqual(t, size, probe)
		}
		return nil
	})
	info, err := bus.JS.Consumer(t.Context(), stream.SalesRecorded, stream.DurablePricing)
	require.NoError(t, err)
	require.Less(t, info.CachedInfo().NumAckPending, 1500, "the rest waits in the stream")
	mu.Lock()
	away = false
	mu.Unlock()
	testkit.Settled(t, soon, bus.JS, stream.SalesRecorded, stream.DurablePricing)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, served, 1500)
	require.Greater(t, after, probe, "it is back to full batches")
}

func TestAStopFinishesWhatIsUnderWayAndGivesTheRestToAnotherAtOnce(t *testing.T) {
	t.Parallel()
	server, bus := setup(t)
	// Nothing is delivered again by itself within this test. The version keeps the services from resetting that.
	_, err := bus.JS.CreateConsumer(t.Context(), stream.SalesRecorded, jetstream.ConsumerConfig{
		Durable: stream.DurablePricing, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, Metadata: map[string]string{"tillseal.schema": "999"},
	})
	require.NoError(t, err)
	require.NoError(t, bus.PublishAll(t.Context(), sales(300)))
	begun, finish := make(chan []stream.Message, 1), make(chan struct{})
	var finished atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- bus.Consume(ctx, stream.DurablePricing, 100, func(ctx context.Context, batch []stream.Message) []error {
			begun <- batch
			<-finish
			if ctx.Err() == nil {
				finished.Add(int64(len(batch)))
			}
			return make([]error, len(batch))
		})
	}()
	first := <-begun
	testkit.Eventually(t, soon, "more is delivered than is worked on", func() error {
		c, err := bus.JS.Consumer(t.Context(), stream.SalesRecorded, stream.DurablePricing)
		if err != nil {
			return err
		}
		if n := c.CachedInfo().NumAckPending; n <= len(first) {
			return fmt.Errorf("%d are under way", n)
		}
		return nil
	})
	cancel()
	close(finish)
	require.NoError(t, <-done)
	require.Equal(t, int64(len(first)), finished.Load(), "its context outlived the stop")

	other := connect(t, server, "pricing")
	var h till
	consume(t, other, &h)
	allHandled(t, &h, 300-len(first))
	testkit.Settled(t, soon, bus.JS, stream.SalesRecorded, stream.DurablePricing)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, msg := range first {
		require.Zero(t, h.seen[event.SubjectOf(msg.Header)], "it was finished")
	}
}

// TestASlowHandlerIsGivenNothingTwice has batches that each take half of the time after which a message is delivered again: those that
// wait are behind two or three of them.
func TestASlowHandlerIsGivenNothingTwice(t *testing.T) {
	t.Parallel()
	_, bus := setup(t)
	const all, atOnce = 50, 10
	require.NoError(t, bus.PublishAll(t.Context(), sales(all)))
	var handled atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- bus.Consume(ctx, stream.DurablePricing, atOnce, func(ctx context.Context, batch []stream.Message) []error {
			handled.Add(int64(len(batch)))
			slow := time.NewTimer(stream.AckWait / 2) // the work itself
			defer slow.Stop()
			select {
			case <-slow.C:
			case <-ctx.Done():
			}
			return make([]error, len(batch))
		})
	}()
	testkit.Settled(t, soon, bus.JS, stream.SalesRecorded, stream.DurablePricing)
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, int64(all), handled.Load())
}

func TestAFatalFaultStopsAfterTheOthersOfItsBatchAreSettled(t *testing.T) {
	_, bus := setup(t)
	require.NoError(t, bus.PublishAll(t.Context(), sales(3)))
	h := till{seen: map[string]int{}, answer: func(id string, _ int) error {
		if id == "1" {
			return fault.New(fault.Fatal, "the books do not add up")
		}
		return nil
	}}
	require.True(t, fault.Is(bus.Consume(t.Context(), stream.DurablePricing, 3, h.handle), fault.Fatal))
	require.NoError(t, bus.Conn.FlushTimeout(soon))
	testkit.Eventually(t, soon, "only the fatal one is left", func() error {
		c, err := bus.JS.Consumer(t.Context(), stream.SalesRecorded, stream.DurablePricing)
		if err != nil {
			return err
		}
		if left := c.CachedInfo().NumPending + uint64(c.CachedInfo().NumAckPending); left != uint64(3-len(h.seen)+1) {
			return fmt.Errorf("%d are left of 3, %d were seen", left, len(h.seen))
		}
		return nil
	})
}

func TestADurableOrItsStreamThatIsDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	_, bus := setup(t)
	var h till
	consume(t, bus, &h)
	require.NoError(t, bus.PublishAll(t.Context(), sales(10)))
	allHandled(t, &h, 10)
	require.NoError(t, bus.JS.DeleteConsumer(t.Context(), stream.SalesRecorded, stream.DurablePricing))
	require.NoError(t, bus.PublishAll(t.Context(), sales(20)[10:]))
	allHandled(t, &h, 20)
	require.NoError(t, bus.JS.DeleteStream(t.Context(), stream.SalesRecorded))
	require.NoError(t, bus.PublishAll(t.Context(), sales(30)[20:]), "publishing waits for the stream")
	allHandled(t, &h, 30)
}

func TestWhatCanNotBeParkedHoldsUpNothingAndIsParkedInTheEnd(t *testing.T) {
	_, bus := setup(t)
	h := till{answer: func(id string, _ int) error {
		if n, err := strconv.Atoi(id); err == nil && n < 3 {
			return fault.New(fault.Invalid, "no rate for XAF")
		}
		return nil
	}}
	require.NoError(t, bus.JS.DeleteStream(t.Context(), stream.SalesDLQ))
	consume(t, bus, &h)
	all := sales(20)
	require.NoError(t, bus.PublishAll(t.Context(), all[:3]))
	testkit.Eventually(t, soon, "the three are tried", func() error {
		if n := h.count(); n < 3 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	for _, msg := range all[3:] { // one by one: none waits for the time that a failing batch is put aside
		require.NoError(t, bus.PublishAll(t.Context(), []*nats.Msg{msg}))
	}
	consumer, err := bus.JS.Consumer(t.Context(), stream.SalesRecorded, stream.DurablePricing)
	require.NoError(t, err)
	testkit.Eventually(t, soon, "only those three are left", func() error {
		info, err := consumer.Info(t.Context())
		if err == nil && (info.NumAckPending != 3 || info.NumPending != 0) {
			return fmt.Errorf("%d under way, %d pending", info.NumAckPending, info.NumPending)
		}
		return err
	})
	require.NoError(t, bus.Ensure(t.Context()))
	testkit.Settled(t, soon, bus.JS, stream.SalesRecorded, stream.DurablePricing)
	dlq, err := bus.JS.Stream(t.Context(), stream.SalesDLQ)
	require.NoError(t, err)
	require.Equal(t, uint64(3), dlq.CachedInfo().State.Msgs)
}

func TestAMessageThatIsTooLargeToParkWholeIsParkedCut(t *testing.T) {
	_, bus := setup(t)
	h := till{answer: func(string, int) error { return fault.New(fault.Invalid, "not an event") }}
	consume(t, bus, &h)
	large := sales(1)[0]
	hash := common.BigToHash(common.Big1)
	large.Data = []byte(`{"sale_hash":"` + hash.Hex() + `","currency":"INR","external_ref":"` + strings.Repeat("x", 1_000_000) + `","total":"1.00"}`)
	require.NoError(t, bus.PublishAll(t.Context(), []*nats.Msg{large}))
	dlq, err := bus.JS.OrderedConsumer(t.Context(), stream.SalesDLQ, jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	msg, err := dlq.Next(jetstream.FetchMaxWait(soon))
	require.NoError(t, err)
	parked, err := event.Decode[event.Parked](msg.Data())
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("not an event (its first 81920 of %d bytes are kept)", len(large.Data)), parked.Reason)
	require.Equal(t, large.Data[:80<<10], parked.Raw)
	require.Equal(t, &event.Claim{SaleHash: &hash, Currency: new("INR"), Total: new("1.00")}, parked.Claim)

	large = sales(1)[0] // its claim is what is long
	large.Header.Set(nats.MsgIdHdr, "long claim")
	large.Data = []byte(`{"currency":"` + strings.Repeat("x", 500_000) + `","total":"` + strings.Repeat("1", 500_000) + `"}`)
	require.NoError(t, bus.PublishAll(t.Context(), []*nats.Msg{large}))
	msg, err = dlq.Next(jetstream.FetchMaxWait(soon))
	require.NoError(t, err)
	parked, err = event.Decode[event.Parked](msg.Data())
	require.NoError(t, err)
	require.Equal(t, []int{255, 255}, []int{len(*parked.Claim.Currency), len(*parked.Claim.Total)})
	testkit.Settled(t, soon, bus.JS, stream.SalesRecorded, stream.DurablePricing)
}
