package closer_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/event"
)

// A clock goes back between closings, and a series begins whose first two are made at once: page by page each is shown once, the last one first.
func TestAClockThatGoesBackHidesNoClosingAndRepeatsNone(t *testing.T) {
	s := setup(t, 2)
	close(s.letGo)
	var made []string
	for n := range 8 {
		if n == 4 {
			s.sell()
			_, _, err := s.store.NextSeries(t.Context(), 0, "asha", "a test")
			require.NoError(t, err)
		}
		s.now = s.now.Add(-time.Duration(n%3) * time.Hour)
		require.NoError(t, <-s.ask(t.Context(), 1))
		for len(s.reached) > 0 {
			made = append(made, <-s.reached)
		}
	}
	require.Equal(t, []string{"t1/1", "t1/2", "t1/3", "t1/4", "t1~2/1", "t1~2/2", "t1~2/3", "t1~2/4", "t1~2/5"}, made)
	require.Equal(t, []string{"t1/4", "t1/3", "t1/2", "t1/1"}, s.listed("t1"))
	require.Equal(t, []string{"t1~2/5", "t1~2/4", "t1~2/3", "t1~2/2", "t1~2/1"}, s.listed("t1~2"))
	require.ElementsMatch(t, made, s.listed(""))
}

// sell leaves three records at t1.
func (s *shop) sell() {
	s.t.Helper()
	day(3).Leave(s.t, s.db.Admin)
}

// listed are the names of the closings of a chain, or of all, one on each page.
func (s *shop) listed(chain string) (names []string) {
	s.t.Helper()
	for before := (store.ClosingPlace{ClosedAtUS: math.MaxInt64}); len(names) <= 9; {
		page, err := s.store.Closings(s.t.Context(), "s1", chain, before, 1)
		require.NoError(s.t, err)
		if len(page) == 0 {
			break
		}
		var c event.SalesClosed
		require.NoError(s.t, json.Unmarshal(page[0].Body, &c))
		names, before = append(names, c.Name()), page[0].ClosingPlace
	}
	return names
}
