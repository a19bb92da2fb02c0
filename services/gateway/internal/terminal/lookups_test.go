package terminal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestKeysThatAreAskedForTogetherShareAQuery(t *testing.T) {
	const others = 2*maxAsked - 1
	good := sha256.Sum256([]byte("good"))
	begun, goOn := make(chan struct{}), make(chan struct{})
	var sizes []int
	l := &lookups{read: func(_ context.Context, hashes [][32]byte) (map[[32]byte]store.Terminal, error) {
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
}

func TestALookUpThatFailsIsToldToAllAndTheNextIsTried(t *testing.T) {
	err := errors.New("away")
	l := &lookups{read: func(context.Context, [][32]byte) (map[[32]byte]store.Terminal, error) { return nil, err }}
	_, refused := l.ask(t.Context(), [32]byte{1})
	require.Equal(t, refusal.StoreUnavailable, refusal.Of(refused).Code)
	err = nil
	found, refused := l.ask(t.Context(), [32]byte{1})
	require.NoError(t, refused)
	require.False(t, found.ok)
}
