package promises

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/promise"
)

var recorded = time.Date(2026, 11, 22, 12, 0, 0, 700_000_000, time.UTC)

func waiting(at time.Time, why Cause) Sight {
	return Sight{Oldest: &Sale{SaleID: "01935f0e-8a7b-7c3d-9e4f-000000000001", TerminalID: "t1", RecordNumber: 7, RecordedAt: at, WaitsFor: why}}
}

func TestAPromiseIsBrokenTheMomentAfterItsAnchorBy(t *testing.T) {
	seen, by := waiting(recorded, Leaf), recorded.Truncate(time.Second).Add(24*time.Hour)
	require.Equal(t, by.Unix(), promise.AnchorBy(recorded, 24*time.Hour).Unix(), "iat is in whole seconds")
	for at, state := range map[time.Time]State{
		recorded:                           Kept,
		recorded.Add(12*time.Hour - 1):     Kept,
		recorded.Add(12 * time.Hour):       Half,
		by:                                 Half,
		by.Add(1):                          Broken,
		recorded.Add(-time.Hour):           Kept,
		recorded.Add(24 * 365 * time.Hour): Broken,
	} {
		require.Equal(t, state, seen.State(24*time.Hour, at), at)
	}
	require.Equal(t, Kept, Sight{}.State(time.Second, recorded))
	require.Zero(t, seen.Age(recorded.Add(-time.Hour)), "a gateway's clock may be ahead")
}

// TestTheCountHasTheSalesWhosePromiseIsBroken holds the statement's bound to State, which decides about one sale.
func TestTheCountHasTheSalesWhosePromiseIsBroken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(0, 5_000_000).Draw(t, "recorded"))
		within := time.Duration(rapid.Int64Range(1_000, 3_000).Draw(t, "within ms")) * time.Millisecond
		now := time.UnixMicro(rapid.Int64Range(0, 10_000_000).Draw(t, "now"))
		require.Equal(t, waiting(at, Leaf).State(within, now) == Broken, at.UnixMicro() < dueMicros(within, now))
	})
}

func TestTheAlarmIsRaisedAtEachChangeAndOnceAnHour(t *testing.T) {
	var log bytes.Buffer
	a := Alarm{Log: slog.New(slog.NewTextHandler(&log, nil)), Within: 24 * time.Hour}
	note := func(after time.Duration, seen Sight) string {
		log.Reset()
		a.Note(seen, recorded.Add(after))
		return log.String()
	}
	sold := waiting(recorded, Leaf)
	require.Empty(t, note(0, Sight{}), "all was well from the beginning")
	require.Empty(t, note(11*time.Hour, sold))
	half := note(12*time.Hour, sold)
	require.Contains(t, half, "level=WARN")
	for _, fact := range []string{
		"sale_id=01935f0e-8a7b-7c3d-9e4f-000000000001", "terminal_id=t1", "recorded_at=2026-11-22T12:00:00Z", "anchor_by=2026-11-23T12:00:00Z", "waits_for=leaf",
	} {
		require.Contains(t, half, fact)
	}
	require.Empty(t, note(13*time.Hour-1, sold))
	require.Contains(t, note(13*time.Hour, waiting(recorded, Parked)), "ops.ledger.parked.replay")
	broken := note(24*time.Hour+time.Minute, sold)
	require.Contains(t, broken, "level=ERROR")
	require.Contains(t, broken, `msg="ALARM: `)
	require.Empty(t, note(25*time.Hour, sold))
	require.Contains(t, note(25*time.Hour+time.Minute, sold), "ALARM: ")
	young := waiting(recorded.Add(25*time.Hour), Block)
	require.Contains(t, note(26*time.Hour, young), "level=INFO", "the old one is mined")
	require.Empty(t, note(27*time.Hour, young))
	require.Contains(t, note(49*time.Hour+time.Second, young), "ALARM: ", "at once")
	require.Contains(t, note(49*time.Hour+time.Minute, Sight{}), "level=INFO")
	require.Equal(t, 1, strings.Count(note(60*time.Hour, waiting(recorded.Add(47*time.Hour), Batch)), "level=WARN"))
}
