package audit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/audit"
)

// A session that rests for long may be ended by the server.
func TestALongRestIsTakenInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest, began := audit.OnePart(5), time.Now()
		for i, worked := range []time.Duration{30 * time.Second, 0, 0} { // two minutes are owed
			require.NoError(t, rest(t.Context(), worked))
			require.Equal(t, min(time.Duration(i+1), 2)*time.Minute, time.Since(began))
		}
	})
}

// An audit that rests finds what any does, says how long it worked, and ends where it is not to go on.
func TestAnAuditRestsBetweenPartsOfItsWork(t *testing.T) {
	_, db := open(t, 1000)
	began := time.Now()
	var (
		rests  int
		worked time.Duration
	)
	report := audited(t, db, func(o *audit.Options) {
		o.Rest = func(_ context.Context, part time.Duration) error {
			require.Positive(t, part)
			rests, worked = rests+1, worked+part
			return nil
		}
	})
	require.Empty(t, report.Findings)
	require.Greater(t, rests, 20)
	require.Less(t, worked, 2*time.Since(began), "of one session and one that checks")
	require.Equal(t, audited(t, db).Records, report.Records)

	stop := errors.New("stop")
	rests = 0
	_, err := auditing(t, db, func(o *audit.Options) {
		o.Rest = func(context.Context, time.Duration) error {
			if rests++; rests == 5 {
				return stop
			}
			return nil
		}
	})
	require.ErrorIs(t, err, stop)
	require.Equal(t, 5, rests)
}
