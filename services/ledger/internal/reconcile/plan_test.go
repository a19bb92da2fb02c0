package reconcile

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestALostSaleIsDueAtOnceAndThenEverMoreRarely(t *testing.T) {
	p := NewPlan(30 * time.Second)
	p.See(Mark{1, "b"}, []string{"a"})
	require.Equal(t, Mark{1, "b"}, p.Mark())
	now := noon
	for _, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute} {
		require.Equal(t, []string{"a"}, p.Due(now))
		p.Tried("a", now)
		require.Empty(t, p.Due(now.Add(wait-1)))
		now = now.Add(wait)
	}
	for range 100 {
		p.Tried("a", now)
	}
	require.Equal(t, []string{"a"}, p.Due(now.Add(maxDelay)), "but never more rarely than that")
	p.Settled("a")
	require.Empty(t, p.Due(now.Add(maxDelay)))
}

func TestTheOldestComeFirstAndNotAllAtOnce(t *testing.T) {
	p := NewPlan(time.Second)
	var ids []string
	for i := range maxRepair + 10 {
		ids = append(ids, fmt.Sprintf("%06d", i))
	}
	p.See(Mark{}, ids)
	require.Equal(t, ids[:maxRepair], p.Due(noon))
	for _, id := range ids[:maxRepair] {
		p.Tried(id, noon)
	}
	require.Equal(t, ids[maxRepair:], p.Due(noon))
}

func TestNoSaleThatWasSeenIsForgottenUnlessItIsSettled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewPlan(time.Second)
		want := map[string]bool{}
		now := noon
		for i := range rapid.IntRange(1, 50).Draw(t, "steps") {
			switch id := fmt.Sprint(i); rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				p.See(Mark{int64(i), id}, []string{id})
				want[id] = true
			case 1:
				for _, id := range p.Due(now) {
					p.Tried(id, now)
				}
			case 2:
				for _, id := range p.Due(now) {
					p.Settled(id)
					delete(want, id)
				}
			case 3:
				now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "seconds")) * time.Second)
			}
		}
		require.Equal(t, len(want), p.Open())
		require.Equal(t, maxOpen-len(want), p.Room())
		due := p.Due(now.Add(maxDelay))
		require.Len(t, due, len(want))
		for id := range want {
			require.True(t, slices.Contains(due, id))
		}
	})
}

func TestARequestThatIsNoRecordIsRepairedWithoutItsLines(t *testing.T) {
	e, err := Sale{SaleID: "a", StoreID: "s1", Currency: "INR", Total: "1.00", Request: []byte("tea of C-1001")}.Recorded()
	require.Error(t, err)
	require.NotContains(t, err.Error(), "C-1001")
	require.Equal(t, "1.00", e.Total)
}
