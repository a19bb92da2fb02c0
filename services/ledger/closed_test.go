package ledger_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// closingOf is the n-th closing of terminal t1.
func closingOf(n int, at time.Time) event.SalesClosed {
	rate := "18"
	return event.SalesClosed{
		StoreID: "s1", TerminalID: "t1", ClosingNumber: uint64(n), FromNumber: uint64(10*n - 9), ToNumber: uint64(10 * n), HeadHash: common.Hash{7},
		OpenedAt: sale.FormatTime(at.Add(-8 * time.Hour).UnixMicro()), ClosedAt: sale.FormatTime(at.UnixMicro()),
		Currencies: []event.ClosedCurrency{{
			Currency: "INR", Sales: event.ClosedSales{Count: 10, Gross: "12495.00"}, Refunds: event.ClosedRefunds{Total: "0.00"}, Net: "12495.00",
			Tax: []event.ClosedTax{{Amount: "1.00"}, {Rate: &rate, Amount: "1906.00"}}, Tenders: []event.ClosedTender{{Type: "cash", Count: 10, Amount: "12495.00"}},
		}},
		Points: event.ClosedPoints{Earned: 1249}, MissingTerminalSeq: [][2]int64{{4, 5}}, Promise: "e30.e30.AA",
	}
}

// store keeps closings as the gateway does, all of them at once.
func (s *shop) store(closings ...event.SalesClosed) {
	s.t.Helper()
	s.exec(s.gateway, `BEGIN`)
	defer s.exec(s.gateway, `COMMIT`)
	s.exec(s.gateway, `INSERT INTO sales.terminal (terminal_id, store_id) VALUES ('t1', 's1') ON CONFLICT DO NOTHING`)
	for _, c := range closings {
		body, err := json.MarshalIndent(c, "", " ") // the same value in another form: that is what counts
		require.NoError(s.t, err)
		at, err := time.Parse(time.RFC3339Nano, c.ClosedAt)
		require.NoError(s.t, err)
		s.exec(s.gateway, `INSERT INTO sales.closing
				(chain, closing_number, records_of, store_id, terminal_id, idempotency_key, from_number, to_number, closed_at_us, body)
			VALUES ($1, $2, nullif($3, ''), $4, 't1', $5, $6, $7, $8, $9)`,
			c.TerminalID, c.ClosingNumber, c.RecordsOf, c.StoreID, uuid.New(), c.FromNumber, c.ToNumber, at.UnixMicro(), body)
	}
}

// close stores the n-th closing of terminal t1 and publishes nothing.
func (s *shop) close(n int, at time.Time) event.SalesClosed {
	s.t.Helper()
	c := closingOf(n, at)
	s.store(c)
	return c
}

func gateways(c event.SalesClosed) *nats.Msg { return event.Closed(c, "gateway", 0, "") }

// arrived is how many closings the ledger knows.
func (s *shop) arrived() int { return s.count(`SELECT count(*) FROM ledger.closed`) }

func (s *shop) hasArrived(c event.SalesClosed) bool {
	return s.count(`SELECT count(*) FROM ledger.closed WHERE chain = $1 AND closing_number = $2`, c.TerminalID, c.ClosingNumber) == 1
}

// said are the messages of SALES_CLOSED from the first to the last.
func (s *shop) said() (all []*jetstream.RawStreamMsg) {
	s.t.Helper()
	str, err := s.bus.JS.Stream(s.t.Context(), stream.SalesClosed)
	require.NoError(s.t, err)
	state := str.CachedInfo().State
	for sequence := max(state.FirstSeq, 1); sequence <= state.LastSeq; sequence++ {
		msg, err := str.GetMsg(s.t.Context(), sequence)
		require.NoError(s.t, err)
		all = append(all, msg)
	}
	return all
}

// pauseClosings leaves closings in their stream, as an operator may, until the returned function is called.
func (s *shop) pauseClosings() (resume func()) {
	s.t.Helper()
	_, err := s.bus.JS.PauseConsumer(s.t.Context(), stream.SalesClosed, stream.DurableLedgerClosed, time.Now().Add(time.Hour))
	require.NoError(s.t, err)
	return func() {
		_, err := s.bus.JS.ResumeConsumer(s.t.Context(), stream.SalesClosed, stream.DurableLedgerClosed)
		require.NoError(s.t, err)
	}
}

// reads waits until the ledger reads closings.
func (s *shop) reads() {
	s.t.Helper()
	s.waitFor("the durable is there", func() bool { _, err := s.bus.Position(s.t.Context(), stream.DurableLedgerClosed); return err == nil })
}

func TestAClosingIsWrittenDownHoweverOftenItIsDelivered(t *testing.T) {
	s := setup(t)
	first, empty := s.close(1, noon), closingOf(1, noon)
	empty.TerminalID, empty.Currencies, empty.MissingTerminalSeq = "t1~2", []event.ClosedCurrency{}, [][2]int64{}
	left := closingOf(2, noon)
	left.TerminalID, left.RecordsOf = "t1~2", "t1"
	s.store(empty, left)
	s.publish(gateways(first), gateways(empty), gateways(left), event.Closed(first, "ledger", 1, ""))
	s.drained(stream.SalesClosed, stream.DurableLedgerClosed)
	require.True(t, s.hasArrived(first) && s.hasArrived(empty) && s.hasArrived(left))
	s.publish(event.Closed(first, "ledger", 2, ""))
	s.drained(stream.SalesClosed, stream.DurableLedgerClosed)
	require.Equal(t, 3, s.arrived())
	require.Empty(t, s.reasons(stream.SalesClosed))
}

func TestAClosingThatIsNotTheStoredOneIsForged(t *testing.T) {
	addr, adjust := measured(t)
	var log testkit.Log
	s := setup(t, adjust, func(cfg *ledger.Config) { cfg.Telemetry.LogOutput = &log })
	const metric = `tillseal_ledger_forged_total{what="sales_closed"}`
	s.waitFor("the metric is there before anything was forged", func() bool { return scrape(t, addr)[metric] == "0" })
	first := s.close(1, noon)
	forge := map[string]func(*event.SalesClosed){
		"other sums":         func(c *event.SalesClosed) { c.Currencies[0].Net = "2495.00" },
		"another number":     func(c *event.SalesClosed) { c.ClosingNumber++ },
		"another terminal":   func(c *event.SalesClosed) { c.TerminalID = "t2" },
		"another store":      func(c *event.SalesClosed) { c.StoreID = "s2" },
		"another's records":  func(c *event.SalesClosed) { c.RecordsOf = "t1~2" },
		"fewer records":      func(c *event.SalesClosed) { c.ToNumber-- },
		"no missing numbers": func(c *event.SalesClosed) { c.MissingTerminalSeq = nil },
		"no promise":         func(c *event.SalesClosed) { c.Promise = "" },
	}
	generation := 0
	for _, spoil := range forge {
		c := closingOf(1, noon)
		spoil(&c)
		generation++
		s.publish(event.Closed(c, "gateway", generation, ""))
	}
	elsewhere, more := event.Closed(first, "gateway", 100, ""), event.Closed(first, "gateway", 101, "")
	elsewhere.Subject = event.SubjectClosed + ".s2"
	more.Data = []byte(strings.Replace(string(more.Data), "{", `{"paid":true,`, 1))
	s.publish(elsewhere, more)
	s.waitFor("all are parked", func() bool { return len(s.reasons(stream.SalesClosed)) == len(forge)+2 })
	for _, reason := range s.reasons(stream.SalesClosed) {
		require.Equal(t, "forged: the gateway stored no such closing", reason)
	}
	require.Zero(t, s.arrived())
	require.Equal(t, fmt.Sprint(len(forge)+2), scrape(t, addr)[metric])
	require.Contains(t, log.String(), "ALARM: messages about closings contradict")
	for _, e := range s.parked(nil).Parked {
		require.False(t, e.Holds)
	}
	s.publish(gateways(first))
	s.waitFor("the true one is written down", func() bool { return s.hasArrived(first) })
}

func TestAMessageThatIsNoClosingHarmsNoOther(t *testing.T) {
	s := setup(t)
	s.reads()
	s.stop()
	first := s.close(1, noon)
	none := closingOf(0, noon)
	none.FromNumber, none.ToNumber = 1, 0
	tea, nul := gateways(none), gateways(none)
	tea.Data, tea.Header[nats.MsgIdHdr] = []byte("tea"), []string{"tea"}
	data, err := json.Marshal(closingOf(2, noon))
	require.NoError(t, err)
	nul.Data, nul.Header[nats.MsgIdHdr] = []byte(strings.Replace(string(data), `"INR"`, `"\u0000"`, 1)), []string{"nul"}
	s.publish(gateways(none), tea, nul, gateways(first))
	s.start()
	s.waitFor("the closing is written down", func() bool { return s.hasArrived(first) })
	s.waitFor("the others are parked", func() bool { return len(s.reasons(stream.SalesClosed)) == 3 })
	require.Equal(t, 1, s.arrived())
}

func TestAClosingThatNobodyHeardOfIsPublished(t *testing.T) {
	addr, adjust := measured(t)
	s := setup(t, quickly, adjust)
	s.reads()
	s.stop()
	told, lost := s.close(1, noon), s.close(2, noon)
	s.publish(gateways(told))
	purged, err := s.bus.JS.Stream(t.Context(), stream.SalesClosed)
	require.NoError(t, err)
	require.NoError(t, purged.Purge(t.Context()))
	s.start(quickly, adjust)
	s.waitFor("both arrive", func() bool { return s.hasArrived(told) && s.hasArrived(lost) })
	s.waitFor("none is missing any more", func() bool { return scrape(t, addr)["tillseal_ledger_closings_missing"] == "0" })
	require.Zero(t, s.count(`SELECT count(*) FROM ledger.reclose WHERE next_at IS NOT NULL`))
	require.Equal(t, "2", scrape(t, addr)["tillseal_ledger_reclosed_total"])
	said := s.said()
	require.Len(t, said, 2)
	again, from := said[1], gateways(lost)
	require.JSONEq(t, string(from.Data), string(again.Data))
	require.Equal(t, from.Subject, again.Subject)
	require.Equal(t, []string{"t1/2/closed#1"}, again.Header[nats.MsgIdHdr], "or the dedupe window would swallow it")
	for _, header := range []string{"ce-id", "ce-type", "ce-subject", "ce-time"} {
		require.Equal(t, from.Header[header], again.Header[header], header)
	}
	require.Equal(t, []string{"tillseal/ledger"}, again.Header["ce-source"])
}

func TestClosingsOfATimeWithoutNATSArriveOnceItIsBack(t *testing.T) {
	s := setup(t, quickly)
	s.reads()
	s.nats.Stop()
	s.close(1, time.Now().Add(-time.Minute))
	require.NoError(t, s.nats.Restart(t.Context()))
	s.waitFor("the first arrives", func() bool { return s.arrived() == 1 })
	require.NoError(t, s.bus.JS.DeleteStream(t.Context(), stream.SalesClosed))
	s.close(2, time.Now().Add(-time.Minute))
	s.waitFor("so does one whose stream had to be made again", func() bool { return s.arrived() == 2 })
}

func TestAYoungClosingIsNotTakenForLost(t *testing.T) {
	s := setup(t)
	s.stop()
	young, old := s.close(1, time.Now()), s.close(2, time.Now().Add(-time.Minute))
	s.start(func(cfg *ledger.Config) { cfg.RepairAfter = 20 * time.Second })
	s.waitFor("the old one arrives", func() bool { return s.hasArrived(old) })
	require.False(t, s.hasArrived(young))
}

func TestAClosingStoredLongAfterItsTimeIsFoundWhenClosingsAreLookedAtAgain(t *testing.T) {
	s := setup(t, quickly)
	young := time.Now().Add(-30 * time.Minute) // too young for the second search
	passed := s.close(1, young)
	s.waitFor("the first search has passed it", func() bool { return s.hasArrived(passed) })
	late := s.close(2, young.Add(-2*time.Hour))
	s.waitFor("the one before it is found", func() bool { return s.hasArrived(late) })
}

func TestWhileClosingsWaitNoneIsPublishedAgainBeforeRepairMax(t *testing.T) {
	s := setup(t)
	s.reads()
	resume := s.pauseClosings()
	s.stop()
	now := time.Now()
	waiting, lost := s.close(1, now.Add(-time.Minute)), s.close(2, now.Add(-time.Minute))
	s.publish(gateways(waiting))
	s.start(quickly, func(cfg *ledger.Config) { cfg.RepairMax = time.Hour })
	for n := range 3 { // ticks that found both due but for what is pending
		s.close(3+n, now.Add(time.Duration(n)*time.Second-90*time.Minute))
		s.waitFor("what is past REPAIR_MAX is published all the same", func() bool { return s.messages(stream.SalesClosed) == uint64(2+n) })
	}
	require.Zero(t, s.count(`SELECT count(*) FROM ledger.reclose WHERE closing_number < 3`))
	resume()
	s.waitFor("the lost one arrives once nothing waits", func() bool { return s.hasArrived(lost) })
	require.Equal(t, 5, s.arrived())
	require.Zero(t, s.count(`SELECT count(*) FROM ledger.reclose WHERE closing_number = 1`), "it was only slow")
}

func TestAClosingIsPublishedWithTheNextGenerationUntilItArrives(t *testing.T) {
	atOnce := func(cfg *ledger.Config) { cfg.RepairMax = cfg.RepairAfter } // whatever is pending
	s := setup(t, quickly, atOnce)
	s.reads()
	resume := s.pauseClosings()
	lost := s.close(1, noon)
	s.waitFor("it is published twice", func() bool { return len(s.said()) == 2 })
	s.stop()
	s.start(quickly, atOnce)
	s.waitFor("and again by the ledger that is started anew", func() bool { return len(s.said()) == 3 })
	for i, msg := range s.said() {
		require.Equal(t, i+1, event.GenerationOf(msg.Header))
	}
	resume()
	s.waitFor("it arrives", func() bool { return s.hasArrived(lost) })
	s.waitFor("it is not waited for any more", func() bool { return s.count(`SELECT count(*) FROM ledger.reclose WHERE next_at IS NOT NULL`) == 0 })
}

func TestLostClosingsArePublishedAFewHundredAtATime(t *testing.T) {
	const lost, inFlight = 620, 500
	s := setup(t, quickly, func(cfg *ledger.Config) { cfg.RepairMax = cfg.RepairAfter })
	s.reads()
	resume := s.pauseClosings()
	var all []event.SalesClosed
	for n := range lost {
		all = append(all, closingOf(n+1, noon.Add(time.Duration(n/600)*time.Second))) // many of the same moment
	}
	s.store(all...)
	published := func() int { return s.count(`SELECT count(*) FROM ledger.reclose WHERE generation > 0`) }
	s.waitFor("as many are published as may be on their way", func() bool { return published() == inFlight })
	for n := range 2 { // ticks that find more and leave it
		late := s.close(lost+1+n, time.Now().Add(-time.Minute))
		s.waitFor("it is found", func() bool {
			return s.count(`SELECT count(*) FROM ledger.reclose WHERE closing_number = $1`, late.ClosingNumber) == 1
		})
		require.Equal(t, inFlight, published())
	}
	resume()
	s.waitFor("all arrive", func() bool { return s.arrived() == lost+2 })
}

func TestAClosingWhoseRowWasChangedIsNotPublished(t *testing.T) {
	addr, adjust := measured(t)
	var log testkit.Log
	s := setup(t, quickly, adjust, func(cfg *ledger.Config) { cfg.Telemetry.LogOutput = &log })
	const metric = `tillseal_altered_total{what="closing"}`
	require.Equal(t, "0", scrape(t, addr)[metric])
	s.stop()
	var altered []event.SalesClosed
	for n, body := range []string{`'tea'`, `'{}'`, `replace(convert_from(body, 'UTF8'), '"t1"', '"t2"')::bytea`} {
		altered = append(altered, s.close(n+1, noon))
		s.exec(s.admin, `UPDATE sales.closing SET body = `+body+` WHERE closing_number = $1`, n+1)
	}
	sound := s.close(9, noon)
	s.start(quickly, adjust, func(cfg *ledger.Config) { cfg.Telemetry.LogOutput = &log })
	s.waitFor("the sound one arrives", func() bool { return s.hasArrived(sound) })
	s.waitFor("each other is an alarm", func() bool { return scrape(t, addr)[metric] >= "3" })
	require.Contains(t, log.String(), "ALARM: a closing's row is not the closing that it should be")
	require.Len(t, s.said(), 1)
	body, err := json.Marshal(altered[0])
	require.NoError(t, err)
	s.exec(s.admin, `UPDATE sales.closing SET body = $1 WHERE closing_number = 1`, body)
	s.waitFor("once it is restored it arrives", func() bool { return s.hasArrived(altered[0]) })
}
