package terminal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/testkit"
	"github.com/tillseal/tillseal/shared/wait"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestKeysThatAreAskedForTogetherShareAQuery(t *testing.T) {
	const others = 2*maxAsked - 1
	good := sha256.Sum256([]byte("good"))
	begun, goOn := make(chan struct{}), make(chan struct{})
	var sizes []int
	told := 0
	l := &lookups{tell: func([32]byte, found) { told++ }, read: func(_ context.Context, hashes [][32]byte) (map[[32]byte]store.Terminal, error) {
		if sizes = append(sizes, len(hashes)); len(sizes) == 1 {
			close(begun)
			<-goOn
		}
		return map[[32]byte]store.Terminal{good: {ID: "t1"}}, nil
	}}
	var asking sync.WaitGroup
	ask := func(hash [32]byte, ok bool) {
		asking.Go(func() {
			found, err := l.ask(t.Context(), hash)
			if err != nil || found.ok != ok || ok && found.terminal.ID != "t1" {
				t.Errorf("%v %+v", err, found)
			}
		})
	}
	ask(sha256.Sum256([]byte("first")), false)
	<-begun
	for i := range others {
		ask(sha256.Sum256(fmt.Append(nil, i)), false)
	}
	ask(good, true)
	ask(good, true)
	testkit.Eventually(t, time.Minute, "all wait", func() error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if n := len(l.waiting); n < others+1 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	close(goOn)
	asking.Wait()
	require.Equal(t, []int{1, maxAsked, maxAsked}, sizes)
	require.Equal(t, 2*maxAsked+1, told)
}

func TestALookUpThatFailsIsToldToAllAndTheNextIsTried(t *testing.T) {
	err := errors.New("away")
	l := &lookups{
		read: func(context.Context, [][32]byte) (map[[32]byte]store.Terminal, error) { return nil, err },
		tell: func([32]byte, found) {},
	}
	_, refused := l.ask(t.Context(), [32]byte{1})
	require.Equal(t, refusal.StoreUnavailable, refusal.Of(refused).Code)
	err = nil
	found, refused := l.ask(t.Context(), [32]byte{1})
	require.NoError(t, refused)
	require.False(t, found.ok)
}

// TestATillThatGoesOnSellingNeverWaitsForItsKey has Postgres hang each time that the key is read again.
func TestATillThatGoesOnSellingNeverWaitsForItsKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, hash := NewKey()
		reads, answer := 0, make(chan bool)
		r := New(nil, 1)
		r.asked.read = func(context.Context, [][32]byte) (map[[32]byte]store.Terminal, error) {
			if reads++; reads > 1 && !<-answer {
				return nil, nil
			}
			return map[[32]byte]store.Terminal{hash: {ID: "t1"}}, nil
		}
		sell := func() error {
			start := time.Now()
			_, err := r.Authenticate(t.Context(), "Bearer "+key)
			require.Zero(t, time.Since(start))
			synctest.Wait()
			return err
		}
		require.NoError(t, sell())
		for n := range 5 {
			wait.Pause(t.Context(), refreshAfter)
			require.NoError(t, sell())
			require.Equal(t, 1+n, reads, "it is new enough")
			wait.Pause(t.Context(), time.Millisecond)
			require.NoError(t, sell())
			require.NoError(t, sell())
			require.Equal(t, 2+n, reads)
			answer <- true
			synctest.Wait()
		}
		wait.Pause(t.Context(), cacheLife)
		require.NoError(t, sell(), "the last moment")
		close(answer) // from now on no terminal has the key
		synctest.Wait()
		_, err := r.Authenticate(t.Context(), "Bearer "+key)
		require.Equal(t, refusal.Unauthenticated, refusal.Of(err).Code, "as soon as it is known to be revoked")
		wait.Pause(t.Context(), askPause) // the last query's
	})
}
