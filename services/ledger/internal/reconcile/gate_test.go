package reconcile

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/fault"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// idle is a hop that waits for nothing.
func idle(last uint64) Hop { return Hop{Present: true, Last: last, Done: last} }

// busy is a hop that is done with everything up to done.
func busy(done, last uint64) Hop {
	return Hop{Present: true, Last: last, Done: done, Waiting: last - done}
}

func TestAnIdleWayIsClearUpToThePresent(t *testing.T) {
	var g Gate
	require.True(t, g.Clear().IsZero())
	for second := range time.Duration(3) {
		now := noon.Add(second * time.Second)
		g.See(now, []Hop{idle(10), idle(7)})
		require.Equal(t, now, g.Clear())
	}
}

func TestABusyWayIsClearUpToWhatHasLeftItSince(t *testing.T) {
	var g Gate
	at := func(second int) time.Time { return noon.Add(time.Duration(second) * time.Second) }
	g.See(at(0), []Hop{busy(5, 10), idle(7)})
	g.See(at(1), []Hop{busy(9, 30), busy(7, 9)})
	require.True(t, g.Clear().IsZero(), "message 10 is in the first stream still")
	g.See(at(2), []Hop{busy(20, 40), busy(8, 20)})
	require.True(t, g.Clear().IsZero(), "message 10 may be any up to 20 of the second")
	g.See(at(3), []Hop{busy(30, 50), busy(19, 30)})
	require.True(t, g.Clear().IsZero())
	g.See(at(4), []Hop{busy(40, 60), busy(20, 40)})
	require.Equal(t, at(0), g.Clear())
	g.See(at(5), []Hop{busy(60, 90), busy(60, 61)})
	g.See(at(6), []Hop{busy(80, 90), busy(61, 80)})
	require.Equal(t, at(4), g.Clear(), "what was there at the fourth second has left")
}

func TestNothingIsClearWithoutADurable(t *testing.T) {
	var g Gate
	for second := range time.Duration(3) {
		g.See(noon.Add(second*time.Second), []Hop{idle(10), {}})
	}
	require.True(t, g.Clear().IsZero())
}

func TestWhatADurableThatComesBackHasToReadIsPending(t *testing.T) {
	for name, hops := range map[string][2][]Hop{
		"the first":  {{{}, idle(7)}, {busy(0, 1000), idle(7)}},
		"the second": {{idle(1000), {}}, {idle(1000), busy(0, 1000)}},
	} {
		t.Run(name, func(t *testing.T) {
			var g Gate
			g.See(noon, hops[0])
			g.See(noon.Add(10*time.Second), hops[1])
			require.True(t, g.Clear().IsZero())
			g.See(noon.Add(20*time.Second), []Hop{idle(1000), idle(1000)})
			require.False(t, g.Clear().IsZero(), "once it is done with that")
		})
	}
}

func TestAStreamThatWentBackIsFollowedAnew(t *testing.T) {
	var g Gate
	g.See(noon, []Hop{busy(5, 1000), idle(7)})
	g.See(noon.Add(time.Second), []Hop{busy(1, 2), idle(7)}) // recreated
	g.See(noon.Add(2*time.Second), []Hop{busy(2, 3), idle(7)})
	require.Equal(t, noon.Add(time.Second), g.Clear(), "not only when it has a thousand messages again")
}

// TestTheGateNeverClearsWhatIsPending lets messages flow at random through two streams: none that entered the first before
// the moment that the gate calls clear is still in either.
func TestTheGateNeverClearsWhatIsPending(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g Gate
		var entered []time.Time // of each message of the first stream
		var first, second []int // what is not done with: numbers of messages
		var last uint64         // of the second stream
		now := noon
		move := func(from []int) int { return rapid.IntRange(0, len(from)).Draw(t, "moved") }
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Second)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				for range rapid.IntRange(1, 5).Draw(t, "sales") {
					first, entered = append(first, len(entered)), append(entered, now)
				}
			case 1:
				n := move(first)
				second, last = append(second, first[:n]...), last+uint64(n)
				first = first[n:]
			case 2:
				second = second[move(second):]
			case 3:
				hops := []Hop{
					busy(uint64(len(entered)-len(first)), uint64(len(entered))), busy(last-uint64(len(second)), last),
				}
				if gone := rapid.IntRange(0, 5).Draw(t, "gone"); gone < len(hops) {
					hops[gone] = Hop{} // for this check
				}
				g.See(now, hops)
			}
			for _, pending := range [][]int{first, second} {
				for _, message := range pending {
					require.False(t, entered[message].Before(g.Clear()))
				}
			}
		}
	})
}

func TestAStreamThatCannotBeRecreatedInTimeHoldsNothingUp(t *testing.T) {
	until := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, ensureFor(t.Context(), until))
		stopped, stop := context.WithCancel(t.Context())
		stop()
		require.ErrorIs(t, ensureFor(stopped, until), context.Canceled)
		tick, cancel := context.WithTimeout(t.Context(), ensureLimit/2)
		defer cancel()
		require.ErrorIs(t, ensureFor(tick, until), context.DeadlineExceeded, "the tick's own time is over")
		refused := fault.New(fault.Invalid, "no room")
		require.Equal(t, refused, ensureFor(t.Context(), func(context.Context) error { return refused }))
	})
}
