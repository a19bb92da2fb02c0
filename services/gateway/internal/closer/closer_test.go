package closer_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/closer"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/tripwire"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/testkit"
)

const soon = time.Minute

// shop is a closer with terminals of store s1.
type shop struct {
	t       *testing.T
	db      testkit.DB
	store   *store.Store
	closer  *closer.Closer
	reached chan string   // the names of the closings that are added up
	letGo   chan struct{} // one for each that may go on, or closed for all
	now     time.Time
}

func setup(t *testing.T, terminals int) *shop {
	t.Helper()
	db := testkit.Database(t)
	open, err := store.Open(t.Context(), config.Secret(db.Gateway))
	require.NoError(t, err)
	t.Cleanup(open.Close)
	s := &shop{
		t: t, db: db, store: open,
		reached: make(chan string, 2*terminals+closer.MaxOfTerminal*closer.MaxOfTerminal), letGo: make(chan struct{}), now: time.UnixMicro(1_000_000),
	}
	for n := range terminals {
		testkit.Insist(t, "add a terminal", func() error { return open.AddTerminal(t.Context(), till(n).ID, "s1", [32]byte{byte(n), 1}) })
	}
	s.closer, err = closer.New(closer.Parts{
		Store: open, Wire: wireOf(open), Ready: func() bool { return true }, Sign: func(*event.SalesClosed, common.Hash) string { return "signed" },
		Summed:  func(name string) { s.reached <- name; <-s.letGo },
		Publish: func(event.SalesClosed, event.Trace) {}, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return s.now },
	})
	require.NoError(t, err)
	t.Cleanup(s.closer.Close)
	return s
}

// wireOf checks rows by the keys of a database.
func wireOf(s *store.Store) *tripwire.Wire {
	alarm := intact.NewAlarm(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), tripwire.Kinds...)
	return &tripwire.Wire{Keyring: intact.NewKeyring(s.Keys), Alarm: alarm}
}

func till(n int) store.Terminal { return store.Terminal{ID: fmt.Sprintf("t%d", n), StoreID: "s1"} }

// ask closes a till in the background, under a key of its own.
func (s *shop) ask(ctx context.Context, n int) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, _, err := s.closer.Make(ctx, till(n), uuid.New(), "")
		done <- err
	}()
	return done
}

// queue closes tills from the first to the last in the background, each once the one before it waits.
func (s *shop) queue(first, last int) (all []<-chan error) {
	s.t.Helper()
	for n := first; n <= last; n++ {
		waiting := s.closer.Waiting()
		all = append(all, s.ask(s.t.Context(), n))
		testkit.Eventually(s.t, soon, "it waits", func() error {
			if got := s.closer.Waiting(); got != waiting+1 {
				return fmt.Errorf("%d wait", got)
			}
			return nil
		})
	}
	return all
}

// busy closes tills 0 and 1, which stay at work.
func (s *shop) busy() []<-chan error {
	all := []<-chan error{s.ask(s.t.Context(), 0), s.ask(s.t.Context(), 1)}
	<-s.reached
	<-s.reached
	return all
}

func TestClosingsWaitForTheirTurnInTheOrderTheyCame(t *testing.T) {
	s := setup(t, 7)
	all := append(s.busy(), s.queue(2, 6)...)
	for n := 2; n <= 6; n++ {
		require.Empty(t, s.reached, "two are made at a time")
		s.letGo <- struct{}{}
		require.Equal(t, till(n).ID+"/1", <-s.reached)
	}
	close(s.letGo)
	for _, one := range all {
		require.NoError(t, <-one)
	}
}

func TestAClosingBeyondThoseThatMayWaitIsRefusedAtOnce(t *testing.T) {
	s := setup(t, closer.MaxWaiting+3)
	all := append(s.busy(), s.queue(2, closer.MaxWaiting+1)...)
	require.Equal(t, refusal.Overloaded, refusal.Of(<-s.ask(t.Context(), closer.MaxWaiting+2)).Code)
	close(s.letGo)
	for _, one := range all {
		require.NoError(t, <-one)
	}
	require.Zero(t, s.closer.Waiting())
	require.NoError(t, <-s.ask(t.Context(), closer.MaxWaiting+2))
}

func TestOneTillDoesNotTakeThePlacesOfOthers(t *testing.T) {
	s := setup(t, 3)
	all := append(s.busy(), s.queue(1, 1)...)
	for range closer.MaxOfTerminal - 2 { // those of till 1 that are missing
		all = append(all, s.queue(1, 1)...)
	}
	require.Equal(t, refusal.Overloaded, refusal.Of(<-s.ask(t.Context(), 1)).Code)
	all = append(all, s.queue(2, 2)...)
	close(s.letGo)
	for _, one := range all {
		require.NoError(t, <-one)
	}
	require.NoError(t, <-s.ask(t.Context(), 1))
}

func TestAClosingThatWaitsDoesSoNoLongerThanItMayTake(t *testing.T) {
	s := setup(t, 4)
	busy := s.busy()
	ctx, cancel := context.WithCancel(t.Context()) // as when its time is over
	defer cancel()
	waits := s.ask(ctx, 2)
	testkit.Eventually(t, soon, "it waits", func() error {
		if s.closer.Waiting() != 1 {
			return fmt.Errorf("%d wait", s.closer.Waiting())
		}
		return nil
	})
	cancel()
	require.Equal(t, refusal.Overloaded, refusal.Of(<-waits).Code)
	require.Zero(t, s.closer.Waiting())
	close(s.letGo)
	require.NoError(t, <-busy[0])
	require.NoError(t, <-busy[1])
}

func TestWhatWaitsWhenAGatewayStopsIsRefusedAndWhatRunsIsNot(t *testing.T) {
	s := setup(t, 3)
	busy, waits := s.busy(), s.queue(2, 2)
	closed := make(chan struct{})
	go func() { s.closer.Close(); close(closed) }()
	require.Equal(t, refusal.StoreUnavailable, refusal.Of(<-waits[0]).Code)
	close(s.letGo)
	require.NoError(t, <-busy[0])
	require.NoError(t, <-busy[1])
	<-closed
	require.Equal(t, refusal.StoreUnavailable, refusal.Of(<-s.ask(t.Context(), 2)).Code)
}
