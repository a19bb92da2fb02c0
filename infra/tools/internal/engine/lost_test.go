package engine_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// jetStream is an operator's access to the streams.
func (s *shop) jetStream() jetstream.JetStream {
	s.t.Helper()
	js, err := jetstream.New(s.operator(nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond)))
	require.NoError(s.t, err)
	return js
}

// held pauses a durable, so that what comes in is still in the stream when something happens to it.
func (s *shop) held(js jetstream.JetStream, streamName, durable string) (resume func()) {
	s.t.Helper()
	_, err := js.PauseConsumer(s.t.Context(), streamName, durable, time.Now().Add(time.Hour))
	require.NoError(s.t, err)
	return func() {
		_, err := js.ResumeConsumer(s.t.Context(), streamName, durable)
		require.NoError(s.t, err)
	}
}

// reach waits until a stream has got a sequence.
func (s *shop) reach(js jetstream.JetStream, name string, sequence uint64) {
	s.t.Helper()
	testkit.Eventually(s.t, soon, "the messages are in "+name, func() error {
		if last := s.last(js, name); last < sequence {
			return fmt.Errorf("%d of %d", last, sequence)
		}
		return nil
	})
}

// purge empties a stream once it has got n more messages than before.
func (s *shop) purge(js jetstream.JetStream, name string, before, n uint64) {
	s.t.Helper()
	s.reach(js, name, before+n)
	in, err := js.Stream(s.t.Context(), name)
	require.NoError(s.t, err)
	require.NoError(s.t, in.Purge(s.t.Context()))
}

// last is a stream's last sequence.
func (s *shop) last(js jetstream.JetStream, name string) uint64 {
	s.t.Helper()
	var in jetstream.Stream
	testkit.Eventually(s.t, soon, "NATS answers", func() (err error) {
		in, err = js.Stream(s.t.Context(), name)
		return err
	})
	return in.CachedInfo().State.LastSeq
}

// requireHeard waits until the ledger has every one of n sales, once, and all batches as final.
func (s *shop) requireHeard(n int) {
	s.t.Helper()
	want := strconv.Itoa(n) + " true"
	testkit.Eventually(s.t, soon, "all sales have reached the ledger as anchored", func() error {
		got := s.audit("SELECT count(*) || ' ' || (count(*) = count(DISTINCT sale_id)) FROM audit.anchored JOIN audit.batch_leaf USING (sale_id) " +
			"JOIN audit.sale USING (sale_id)" + ofTills)
		if got != want {
			return fmt.Errorf("%s, not %s", got, want)
		}
		return nil
	})
}

// closeTill closes the till and returns the closing as it was answered.
func (s *shop) closeTill() string {
	s.t.Helper()
	status, body, err := s.e.Do(s.t.Context(), s.till.Key, http.MethodPost, "/closings", uuid.NewString(), "")
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusCreated, status, "%s", body)
	return string(body)
}

func TestWhatPurgedAndDeletedStreamsLoseIsAnchoredOnceAllTheSame(t *testing.T) {
	cfg := directory(t)
	cfg.Environ = append(cfg.Environ, "RATE_STATIC=INR=254321.17")
	cfg.BlockTime = 50 * time.Millisecond // so that batches are final within seconds
	s := open(t, cfg)
	js := s.jetStream()
	sold := s.sell(1)
	s.requireAnchored(sold[0]) // all durables are there

	resume := s.held(js, stream.SalesRecorded, stream.DurablePricing)
	before := s.last(js, stream.SalesRecorded)
	sold = append(sold, s.sell(5)...)
	s.purge(js, stream.SalesRecorded, before, 5)
	resume()
	parked := s.record(uuid.NewString(), `{"currency":"EUR","total":"12.50"}`) // amid the lost ones

	resume = s.held(js, stream.SalesPriced, stream.DurableAnchor)
	before = s.last(js, stream.SalesPriced)
	sold = append(sold, s.sell(5)...)
	s.purge(js, stream.SalesPriced, before, 5)
	resume()

	resume = s.held(js, stream.SalesClosed, stream.DurableLedgerClosed)
	closed := s.last(js, stream.SalesClosed)
	closing := s.closeTill()
	s.purge(js, stream.SalesClosed, closed, 1)
	resume()

	s.held(js, stream.SalesRecorded, stream.DurablePricing) // it goes with its stream
	sold = append(sold, s.sell(5)...)
	require.NoError(t, js.DeleteStream(t.Context(), stream.SalesRecorded))
	require.NoError(t, js.DeleteStream(t.Context(), stream.SalesPriced))
	for _, a := range sold {
		s.requireAnchored(a)
	}

	resumeAnchored, resumeBatches := s.held(js, stream.SalesAnchored, stream.DurableLedger), s.held(js, stream.Batches, stream.DurableLedgerBatches)
	before, events := s.last(js, stream.SalesAnchored), s.last(js, stream.Batches)
	late := s.sell(5)
	s.purge(js, stream.SalesAnchored, before, 5)
	s.purge(js, stream.Batches, events, 2)
	resumeAnchored()
	resumeBatches()
	sold = append(sold, late...)
	s.requireHeard(len(sold))
	for _, a := range late {
		s.requireAnchored(a)
	}
	s.reach(js, stream.SalesClosed, closed+2) // once by the gateway, once by the ledger
	testkit.Settled(t, soon, js, stream.SalesClosed, stream.DurableLedgerClosed)
	again, err := js.Stream(t.Context(), stream.SalesClosed)
	require.NoError(t, err)
	msg, err := again.GetMsg(t.Context(), closed+2)
	require.NoError(t, err)
	require.JSONEq(t, closing, string(msg.Data))
	require.Equal(t, parked.saleID+" parked", s.audit("SELECT sale_id || ' ' || string_agg(DISTINCT state, ',') FROM audit.parked GROUP BY sale_id"))
	require.Equal(t, strconv.Itoa(len(sold)), s.audit("SELECT count(*)::text FROM audit.batch_leaf JOIN audit.sale USING (sale_id)"+ofTills))
}

func TestAnOlderCopyOfTheStreamsAndANATSThatIsAwayLoseNothing(t *testing.T) {
	cfg := directory(t)
	cfg.BlockTime = 50 * time.Millisecond
	s := open(t, cfg)
	sold := s.sell(3)
	for _, a := range sold {
		s.requireAnchored(a)
	}
	streams, older := filepath.Join(cfg.Dir, "nats/jetstream/jetstream/TILLSEAL/streams"), t.TempDir()
	js := s.jetStream()
	names := []string{stream.SalesRecorded, stream.SalesPriced, stream.SalesAnchored, stream.Batches, stream.SalesDLQ}

	s.e.NATS().Stop()
	for _, name := range names {
		require.NoError(t, os.CopyFS(filepath.Join(older, name), os.DirFS(filepath.Join(streams, name, "msgs"))))
	}
	sold = append(sold, s.sell(5)...) // while it is down
	require.NoError(t, s.e.NATS().Restart(t.Context()))
	sold = append(sold, s.sell(5)...)
	for _, a := range sold {
		s.requireAnchored(a)
	}

	resume := s.held(js, stream.SalesRecorded, stream.DurablePricing)
	before := s.last(js, stream.SalesRecorded) + 5
	late := s.sell(5)
	s.reach(js, stream.SalesRecorded, before) // the copy that comes back has none of them
	s.e.NATS().Stop()
	for _, name := range names { // the durables keep their positions
		require.NoError(t, os.RemoveAll(filepath.Join(streams, name, "msgs")))
		require.NoError(t, os.CopyFS(filepath.Join(streams, name, "msgs"), os.DirFS(filepath.Join(older, name))))
	}
	late = append(late, s.sell(5)...)
	require.NoError(t, s.e.NATS().Restart(t.Context()))
	require.Less(t, s.last(js, stream.SalesRecorded), before, "it is the older copy")
	resume()
	late = append(late, s.sell(5)...)
	sold = append(sold, late...)
	for _, a := range late {
		s.requireAnchored(a)
	}
	s.requireOnce(sold...)
	s.requireHeard(len(sold))
}
