package stream

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/shared/wait"
)

func TestTheBreakerOpensAfterBatchesOfWhichNothingWasDone(t *testing.T) {
	var k breaker
	require.False(t, k.saw(0, 5))
	require.False(t, k.saw(0, 5))
	require.False(t, k.saw(1, 4), "one was done: the dependency is there")
	for range breakerAfter - 1 {
		require.False(t, k.saw(0, 5))
		require.False(t, k.open())
	}
	require.True(t, k.saw(0, 5))
	require.True(t, k.open())
	require.Equal(t, breakerFirst, k.pause)
	for pause := 2 * breakerFirst; pause < breakerLongest; pause *= 2 {
		require.True(t, k.saw(0, 1))
		require.Equal(t, pause, k.pause)
	}
	for range 3 {
		require.True(t, k.saw(0, 1))
		require.Equal(t, breakerLongest, k.pause)
	}
	require.True(t, k.saw(1, 15), "a probe came through")
	require.False(t, k.open())
	require.False(t, k.saw(0, 5), "it counts from the start again")
}

func TestABatchThatWasParkedAsAWholeTellsNothingAgainstTheDependency(t *testing.T) {
	var k breaker
	for range 2 * breakerAfter {
		require.False(t, k.saw(0, 0))
	}
}

func TestSilenceIsMessagesThatWaitWhileSomebodyAsks(t *testing.T) {
	before := observation{pending: 5, delivered: 100, received: 40}
	for name, c := range map[string]struct {
		change func(*observation)
		silent bool
	}{
		"nothing moves":              {func(*observation) {}, true},
		"more came":                  {func(l *observation) { l.pending = 9 }, true},
		"nothing waits":              {func(l *observation) { l.pending = 0 }, false},
		"another replica got some":   {func(l *observation) { l.delivered++ }, false},
		"this one got some":          {func(l *observation) { l.received++ }, false},
		"this one is at work":        {func(l *observation) { l.busy = true }, false},
		"an operator paused it":      {func(l *observation) { l.paused = true }, false},
		"all that may be is pending": {func(l *observation) { l.ackPending = maxAckPending }, false},
	} {
		now := before
		c.change(&now)
		require.Equal(t, c.silent, silent(before, now), name)
	}
	require.False(t, silent(observation{delivered: 100, received: 40}, before), "they came just now")
	require.False(t, silent(observation{pending: 5, delivered: 100, received: 40, busy: true}, before), "it was at work until just now")
}

func TestAStreamStandsByWhatNobodyReadOfIt(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	info := &jetstream.StreamInfo{
		Config: jetstream.StreamConfig{Name: SalesPriced, MaxBytes: 1000, MaxAge: 100 * time.Hour},
		State:  jetstream.StreamState{Msgs: 100, Bytes: 900},
	}
	for name, c := range map[string]struct {
		consumer      *jetstream.ConsumerInfo
		unreadFor     time.Duration
		bytes, age    int64
		alarms, ofAge bool
	}{
		"all read, though the stream is nearly full": {&jetstream.ConsumerInfo{}, 0, 0, 0, false, false},
		"some under way":                            {&jetstream.ConsumerInfo{NumAckPending: 20}, time.Hour, 18, 1, false, true},
		"most of it unread":                         {&jetstream.ConsumerInfo{NumPending: 80, NumAckPending: 9}, time.Hour, 80, 1, true, true},
		"a little, for too long":                    {&jetstream.ConsumerInfo{NumPending: 1}, 80 * time.Hour, 0, 80, true, true},
		"no reader yet":                             {nil, time.Hour, 90, 1, true, true},
		"more under way than is left in it":         {&jetstream.ConsumerInfo{NumAckPending: 500}, time.Hour, 90, 1, true, true},
		"the oldest is gone by the time of a check": {&jetstream.ConsumerInfo{NumPending: 1}, 0, 0, 0, false, false},
	} {
		oldest := time.Time{}
		if c.ofAge {
			oldest = now.Add(-c.unreadFor)
		}
		s := standingOf(info, DurableAnchor, c.consumer, oldest, now)
		require.Equal(t, []int64{c.bytes, c.age}, []int64{s.BytesPercent, s.AgePercent}, name)
		require.Equal(t, int64(c.unreadFor/time.Second), s.OldestUnreadSecond, name)
		require.Equal(t, c.alarms, s.Alarming(), name)
	}
}

func TestAnAlarmIsToldNowAndThenWhileItLastsAndWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged []string
		b := &Bus{log: slog.New(lines{&logged}), lookout: lookout{alarmed: map[string]*rate.Sometimes{}}}
		full, empty := []Standing{{Stream: SalesPriced, BytesPercent: alarmPercent}}, []Standing{{Stream: SalesPriced, AgePercent: alarmPercent - 1}}
		start := time.Now()
		for _, step := range []struct {
			found []Standing
			after time.Duration
			lines int
		}{
			{empty, 0, 0},
			{full, time.Second, 1},
			{full, 2 * time.Second, 0},
			{full, time.Second + alarmEvery, 1},
			{empty, 2 * alarmEvery, 1},
			{empty, 3 * alarmEvery, 0},
			{full, 4 * alarmEvery, 1},
		} {
			logged = nil
			wait.Pause(t.Context(), time.Until(start.Add(step.after)))
			b.alarm(step.found)
			require.Len(t, logged, step.lines, "%v", step)
		}
	})
}

// lines is a log that keeps its messages.
type lines struct{ logged *[]string }

func (l lines) Enabled(context.Context, slog.Level) bool { return true }
func (l lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l lines) WithGroup(string) slog.Handler            { return l }
func (l lines) Handle(_ context.Context, r slog.Record) error {
	*l.logged = append(*l.logged, r.Message)
	return nil
}

func TestEachStreamIsInSightOfItsWriterAndItsReader(t *testing.T) {
	for service, streams := range map[string]string{
		"gateway": "SALES_RECORDED,SALES_CLOSED", "pricing": "SALES_RECORDED,SALES_PRICED,SALES_DLQ",
		"anchor": "SALES_PRICED,SALES_ANCHORED,BATCHES,SALES_DLQ", "ledger": "SALES_RECORDED,SALES_ANCHORED,SALES_CLOSED,BATCHES,SALES_DLQ", "dev": "",
	} {
		require.Equal(t, streams, streamsOf(service))
	}
}
