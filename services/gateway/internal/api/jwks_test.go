package api

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWhoeverAsksForTheKeysMeanwhileWaitsForTheSameRead has many ask while Postgres does not answer one of them.
func TestWhoeverAsksForTheKeysMeanwhileWaitsForTheSameRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const asking = 20
		var (
			k     keySet
			reads atomic.Int32
		)
		slow, answered := make(chan error), make(chan string, asking)
		ask := func() {
			body, err := k.get(t.Context(), time.Now(), func(context.Context) ([]string, error) {
				reads.Add(1)
				return []string{"{}"}, <-slow
			})
			if err != nil {
				body = []byte(err.Error())
			}
			answered <- string(body)
		}
		round := func(end error, want string) {
			reads.Store(0)
			for range asking {
				go ask()
			}
			synctest.Wait()
			require.Equal(t, int32(1), reads.Load())
			slow <- end
			for range asking {
				require.Equal(t, want, <-answered)
			}
		}
		away := errors.New("away")
		round(away, "away")
		round(nil, `{"keys":[{}]}`)
		<-time.After(keysLife) // of this bubble's own clock
		round(away, `{"keys":[{}]}`)
		ask()
		require.Equal(t, int32(1), reads.Load(), "what is kept is served for a while, whatever became of the read")
	})
}
