package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// ledgerStatus is the answer to ops.ledger.status.
type ledgerStatus struct {
	Active   bool `json:"active"`
	Promises struct {
		Within string        `json:"within"`
		Oldest *oldestUnkept `json:"oldest"`
		State  string        `json:"state"`
		Broken int           `json:"broken"`
	} `json:"promises"`
}

type oldestUnkept struct {
	SaleID       string `json:"sale_id"`
	TerminalID   string `json:"terminal_id"`
	RecordNumber uint64 `json:"record_number"`
	RecordedAt   string `json:"recorded_at"`
	AnchorBy     string `json:"anchor_by"`
	WaitsFor     string `json:"waits_for"`
}

func (s *shop) ledgerStatus() ledgerStatus {
	s.t.Helper()
	got, err := stream.Ask[ledgerStatus](s.t.Context(), s.bus, "ops.ledger.status", struct{}{})
	require.NoError(s.t, err)
	return got
}

// stands requires what ops.ledger.status says of the promises: their state, how many are broken, which sale is the oldest, what it waits for.
func (s *shop) stands(state string, broken int, oldest sale.Sale, waitsFor string) {
	s.t.Helper()
	got := s.ledgerStatus().Promises
	require.Equal(s.t, state, got.State)
	require.Equal(s.t, broken, got.Broken)
	if waitsFor == "" {
		require.Nil(s.t, got.Oldest)
		return
	}
	require.NotNil(s.t, got.Oldest)
	require.Equal(s.t, oldestUnkept{
		SaleID: oldest.SaleID, TerminalID: oldest.TerminalID, RecordNumber: oldest.RecordNumber, RecordedAt: sale.FormatTime(int64(oldest.RecordedAt)),
		AnchorBy: sale.FormatTime((int64(oldest.RecordedAt)/1e6 + 24*60*60) * 1e6), WaitsFor: waitsFor,
	}, *got.Oldest)
}

// watched is a shop whose ledger logs to log and shows its metrics at addr.
func watched(t *testing.T) (s *shop, log *testkit.Log, addr string) {
	t.Helper()
	log, addr = new(testkit.Log), fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	return setup(t, quickly, func(cfg *ledger.Config) { cfg.Telemetry.LogOutput, cfg.Telemetry.MetricsAddr = log, addr }), log, addr
}

// promiseHours are the hours since the oldest sale was recorded whose promise is not kept, and how many are broken, by the metrics.
func promiseHours(t *testing.T, addr string) (hours int, broken string) {
	found := scrape(t, addr)
	age, _ := time.ParseDuration(found["tillseal_ledger_oldest_promise_seconds"] + "s")
	return int(age / time.Hour), found["tillseal_ledger_promises_broken"]
}

func TestAPromiseIsWatchedUntilItsBatchIsMinedAndAgainAfterAReorg(t *testing.T) {
	s, log, addr := watched(t)
	shows := func(hours int, broken string) {
		t.Helper()
		s.waitFor("the metrics show it", func() bool {
			h, b := promiseHours(t, addr)
			return h == hours && b == broken
		})
	}
	sold := s.sell(1, hours(25))
	s.stands("broken", 1, sold, "leaf")
	shows(25, "1")
	s.logged(log, "ALARM: a promise is broken", sold.SaleID)
	s.leaf(sold, "4913078726800501")
	s.stands("broken", 1, sold, "batch")
	b := s.seal(s.deploy(), 1, sold)
	s.stands("broken", 1, sold, "block")
	b.moved(event.BatchBroadcast, 1)
	s.stands("broken", 1, sold, "block")
	b.moved(event.BatchMined, 2)
	s.stands("kept", 0, sold, "")
	shows(0, "0")
	s.logged(log, "every promise is kept again")
	b.moved(event.BatchReorged, 3)
	s.stands("broken", 1, sold, "block")
	shows(25, "1")
	b.minedAgain(100, 4)
	s.stands("kept", 0, sold, "")
	shows(0, "0")
	b.moved(event.BatchFinal, 5)
	s.stands("kept", 0, sold, "")

	half, fresh := s.record(2, hours(13)), s.sell(3, hours(1)) // whatever its kind
	s.stands("half", 0, half, "leaf")
	shows(13, "0")
	s.logged(log, "half of the time is over for a promise", half.SaleID)
	s.seal(b.deployment, 2, half).moved(event.BatchMined, 6)
	s.stands("kept", 0, fresh, "leaf")
	shows(1, "0")
	require.NotContains(t, log.String(), "C-1001", "no customer is named")
}

// logged waits for a line of the log that has all of these.
func (s *shop) logged(log *testkit.Log, parts ...string) {
	s.t.Helper()
	s.waitFor(parts[0], func() bool {
		for line := range strings.Lines(log.String()) {
			if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
				return true
			}
		}
		return false
	})
}

func TestParkingSuspendsNoPromise(t *testing.T) {
	s, log, _ := watched(t)
	s.park(7, facts(1, hours(30)))
	parked := s.sell(1, hours(30))
	s.park(8, facts(2, hours(29)))
	second := s.sell(2, hours(29))
	s.waitFor("both are parked", func() bool { return s.parked(nil).Total == 2 })
	s.stands("broken", 2, parked, "parked")
	s.logged(log, "ALARM: a promise is broken", parked.SaleID, `"waits_for":"parked"`)
	discarded, err := s.discard(map[string]any{"sale_id": parked.SaleID, "operator": "asha", "reason": "a test till"})
	require.NoError(t, err)
	require.Equal(t, 1, discarded)
	s.stands("broken", 2, parked, "discarded")
	b := s.seal(s.deploy(), 1, parked)
	b.moved(event.BatchMined, 1)
	s.stands("broken", 1, second, "parked")
	replayed, err := s.replay(map[string]string{"sale_id": second.SaleID})
	require.NoError(t, err)
	require.Equal(t, 1, replayed)
	s.stands("broken", 1, second, "leaf")
	s.seal(b.deployment, 2, second).moved(event.BatchMined, 2)
	s.stands("kept", 0, second, "")
}

func TestASaleOfLongAgoThatWasPassedOverIsFound(t *testing.T) {
	s := setup(t, quickly)
	b := s.deploy()
	passed, sealed, waits := s.sell(1, hours(40)), s.sell(2, hours(39)), s.sell(3, hours(2))
	s.leaf(passed, "1")
	s.seal(b, 1, sealed).moved(event.BatchFinal, 1)
	s.leaf(waits, "2")
	s.exec(s.admin, `UPDATE anchor.leaf SET at = now() - interval '39 hours' WHERE sale_id <> $1`, waits.SaleID)
	later := s.seal(b, 2, waits)
	later.moved(event.BatchFinal, 2)
	s.waitFor("the searches have passed", func() bool {
		return s.count(`SELECT count(*) FROM ledger.low_water WHERE look = 'sales' AND place >= $1`, int64(waits.RecordedAt)) == 1
	})
	s.stands("broken", 1, passed, "batch")
	s.seal(b, 3, passed)
	s.stands("broken", 1, passed, "block")
	s.waitFor("the mark moves on", func() bool {
		return s.count(`SELECT count(*) FROM ledger.low_water WHERE look = 'leaves' AND place = (SELECT seq FROM anchor.leaf WHERE sale_id = $1)`, sealed.SaleID) == 1
	})
	s.stands("broken", 1, passed, "block")
}

func TestARetiredContractKeepsNoPromise(t *testing.T) {
	s := setup(t)
	sold := s.sell(1, hours(13))
	b := s.seal(s.deploy(), 1, sold)
	b.moved(event.BatchFinal, 1)
	s.stands("kept", 0, sold, "")
	s.retire(b.deployment)
	s.stands("half", 0, sold, "batch")
	again := s.seal(s.deploy(), 1, sold)
	s.stands("half", 0, sold, "block")
	replay := s.seal(s.deploy(), 1, sold)
	replay.moved(event.BatchMined, 2)
	s.stands("kept", 0, sold, "") // although it stands unmined at another contract too
	again.moved(event.BatchMined, 3)
	s.stands("kept", 0, sold, "")
}

func TestASaleOfBeforeThereWerePromisesBreaksNone(t *testing.T) {
	s := setup(t, func(cfg *ledger.Config) { cfg.RepairAfter = 10 * time.Minute })
	before, after := s.sell(1, hours(40)), s.sell(2, hours(30))
	s.stands("broken", 2, before, "leaf")
	s.exec(s.admin, `UPDATE ledger.unpromised SET recorded_at_us = $1`, int64(before.RecordedAt)) // as the migration leaves it
	s.stands("broken", 1, after, "leaf")

	ago := func(minutes time.Duration) time.Time { return time.Now().Add(-minutes * time.Minute) } // too young to be looked for as lost
	s.exec(s.admin, `UPDATE ledger.unpromised SET recorded_at_us = $1`, ago(5).UnixMicro())
	s.sellMany(20_000, ago(8)) // as many as the search reads in one place
	s.stands("kept", 0, s.sell(3, ago(4)), "leaf")
}

func TestEveryReplicaAnswersHowThePromisesStand(t *testing.T) {
	s := setup(t, quickly)
	first := s.stop
	t.Cleanup(first)
	s.start(quickly)
	sold := s.sell(1, hours(30))
	answered := map[bool]bool{}
	s.waitFor("the active one and the other have answered", func() bool {
		s.stands("broken", 1, sold, "leaf")
		answered[s.ledgerStatus().Active] = true
		return len(answered) == 2
	})
}

func TestAPromiseThatNobodyCanKeepIsRefused(t *testing.T) {
	s := setup(t)
	for _, within := range []time.Duration{0, time.Second - 1, 8784*time.Hour + 1} {
		cfg := s.config()
		cfg.PromiseWithin = within
		require.ErrorContains(t, cfg.Check(), "PROMISE_WITHIN must be between 1s and 8784h0m0s")
	}
	require.Equal(t, 24*time.Hour, s.config().PromiseWithin)
}
