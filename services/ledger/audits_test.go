package ledger_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// auditStatus is what the tests read of ops.ledger.audit.status.
type auditStatus struct {
	Active, Full, Since *struct {
		Run                       int64
		Scope, State, Why, Anew   string
		AskedBy                   string `json:"asked_by"`
		StopBy                    string `json:"stop_by"`
		Completed                 string `json:"completed_at"`
		Records, Entries, Batches int64
		Skipped                   []string
	}
	Open     map[string]int
	Findings []struct {
		Finding    string
		Run        int64
		Kind       string
		SaleID     string `json:"sale_id"`
		TerminalID string `json:"terminal_id"`
		Number     uint64
	}
}

type askedAudit struct {
	Run   int64
	State string
}

func (s *shop) auditState() (got auditStatus) {
	s.t.Helper()
	got, err := stream.Ask[auditStatus](s.t.Context(), s.bus, "ops.ledger.audit.status", struct{}{})
	require.NoError(s.t, err)
	return got
}

func (s *shop) startAudit(request map[string]string) (askedAudit, error) {
	return stream.Ask[askedAudit](s.t.Context(), s.bus, "ops.ledger.audit.start", request)
}

// audit has the ledger audit, and waits for the end.
func (s *shop) audit(scope string) auditStatus {
	s.t.Helper()
	asked, err := s.startAudit(map[string]string{"scope": scope, "operator": "asha"})
	require.NoError(s.t, err)
	require.Equal(s.t, "asked", asked.State)
	var got auditStatus
	s.waitFor("the audit ends", func() bool {
		got = s.auditState()
		ran := got.Full
		if scope == "since" {
			ran = got.Since
		}
		return got.Active == nil && ran != nil && ran.Run == asked.Run
	})
	return got
}

// guests are records of a till from minutes ago, honest ones.
func (s *shop) guests(terminal string, n int) {
	s.t.Helper()
	from := time.Now().Add(-10 * time.Minute)
	at := func(number uint64) int64 { return from.Add(time.Duration(number) * time.Second).UnixMicro() }
	testkit.Records{Terminal: terminal, Count: n, At: at}.Leave(s.t, s.db.Admin)
}

func TestTheLedgerAuditsAndTellsWhatItFinds(t *testing.T) {
	addr, log := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)), &testkit.Log{}
	s := setup(t, func(cfg *ledger.Config) { cfg.Telemetry.MetricsAddr, cfg.Telemetry.LogOutput = addr, log })
	found := func() []event.AuditFinding {
		str, err := s.bus.JS.Stream(t.Context(), "AUDIT")
		require.NoError(t, err)
		state := str.CachedInfo().State
		var all []event.AuditFinding
		for n := state.FirstSeq; n <= state.LastSeq && state.Msgs > 0; n++ {
			msg, err := str.GetMsg(t.Context(), n)
			require.NoError(t, err)
			require.Equal(t, "audit.v1.finding", msg.Subject)
			e, err := event.Decode[event.AuditFinding](msg.Data)
			require.NoError(t, err)
			all = append(all, e)
		}
		return all
	}
	s.guests("t1", 300)
	_, err := s.startAudit(map[string]string{"scope": "since"})
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.ErrorContains(t, err, "no audit has been completed yet")

	got := s.audit("full")
	require.Equal(t, "clean", got.Full.State, "%+v", got)
	require.Equal(t, int64(300), got.Full.Records)
	require.Equal(t, "asha", got.Full.AskedBy)
	require.Contains(t, got.Full.Skipped, "the chain: no node was given")
	require.NotEmpty(t, got.Full.Completed)
	require.Empty(t, got.Open)
	shown := scrape(t, addr)
	require.Equal(t, "0", shown[`tillseal_ledger_audit_result{scope="full"}`])
	age := func(scope string) time.Duration {
		took, err := time.ParseDuration(shown[`tillseal_ledger_audit_age_seconds{scope="`+scope+`"}`] + "s")
		require.NoError(t, err)
		return took
	}
	require.Less(t, age("full"), age("since"), "of which there is none: since the ledger began")
	require.Equal(t, "0", shown[`tillseal_ledger_audit_findings{kind="record_altered"}`])

	s.guests("t1", 40)
	s.exec(s.admin, "UPDATE sales.sale SET total = '1.00' WHERE record_number = 320") // one that came since
	s.exec(s.admin, "UPDATE sales.sale SET total = '1.00' WHERE record_number = 7")   // and one that an audit has seen
	got = s.audit("since")
	require.Equal(t, "findings", got.Since.State)
	require.Equal(t, int64(40), got.Since.Records, "of what came since alone")
	require.Equal(t, map[string]int{"record_altered": 1}, got.Open)
	require.Equal(t, uint64(320), got.Findings[0].Number)
	require.Equal(t, "clean", got.Full.State)
	require.Equal(t, "1", scrape(t, addr)[`tillseal_ledger_audit_result{scope="since"}`])
	require.Equal(t, "1", scrape(t, addr)[`tillseal_ledger_audit_findings{kind="record_altered"}`])
	require.Contains(t, log.String(), "ALARM: the audit found what no service does")
	s.waitFor("it is announced", func() bool { return len(found()) == 1 })
	require.Equal(t, []any{"record_altered", "t1", uint64(320)}, []any{found()[0].Kind, found()[0].TerminalID, found()[0].Number})

	require.Equal(t, int64(0), s.audit("since").Since.Records, "the next one begins where that ended")
	require.Equal(t, map[string]int{"record_altered": 1}, s.auditState().Open, "and what it found stays open")
	require.Equal(t, "1", scrape(t, addr)[`tillseal_ledger_audit_findings{kind="record_altered"}`])

	got = s.audit("full")
	require.Equal(t, map[string]int{"record_altered": 2}, got.Open)
	s.waitFor("the other one is announced", func() bool { return len(found()) == 2 })
	s.audit("full")
	require.Len(t, found(), 2, "each once")

	s.exec(s.admin, "UPDATE sales.sale SET total = '1249.50' WHERE record_number = 7")
	require.Equal(t, map[string]int{"record_altered": 1}, s.audit("full").Open)
	s.exec(s.admin, "UPDATE sales.sale SET total = '1249.50' WHERE record_number = 320")
	require.Equal(t, "clean", s.audit("full").Full.State)
	require.Empty(t, s.auditState().Findings)
	require.Equal(t, "0", scrape(t, addr)[`tillseal_ledger_audit_findings{kind="record_altered"}`])
	s.exec(s.admin, "UPDATE sales.sale SET total = '1.00' WHERE record_number = 7")
	s.audit("full")
	s.waitFor("what is altered again is announced again", func() bool { return len(found()) == 3 })
	require.Equal(t, 1, s.count("SELECT count(*) FROM ledger.audit_run WHERE checkpoint IS NOT NULL"), "of the newest alone")
}

// The end of a till is cut off with all that tells of it, between one night and the next.
func TestWhatAnAuditSawMustStandUntilAnOperatorBeginsAnew(t *testing.T) {
	s := setup(t)
	s.guests("t1", 30)
	require.Equal(t, "clean", s.audit("full").Full.State)
	s.exec(s.admin, "DELETE FROM sales.sale WHERE record_number > 20")
	s.exec(s.admin, `UPDATE sales.terminal_head SET records = 20, head_hash = (SELECT sale_hash FROM sales.sale WHERE record_number = 20)
		WHERE terminal_id = 't1'`)
	gone := map[string]int{"checkpoint_gone": 1}
	for _, scope := range []string{"full", "full", "since"} {
		got := s.audit(scope)
		require.Equal(t, gone, got.Open, "%s %+v", scope, got.Findings)
	}
	for request, says := range map[string]string{
		`{"scope":"since","operator":"asha","anew":"restored"}`: "anew goes with scope full only", `{"anew":"restored"}`: "operator is missing",
		`{"operator":"asha","anew":"a\u0007"}`: "anew must say why",
	} {
		_, err := stream.Ask[askedAudit](t.Context(), s.bus, "ops.ledger.audit.start", json.RawMessage(request))
		require.ErrorContains(t, err, says)
	}
	asked, err := s.startAudit(map[string]string{"scope": "full", "operator": "asha", "anew": "restored of yesterday"})
	require.NoError(t, err)
	s.waitFor("it ends", func() bool { got := s.auditState(); return got.Active == nil && got.Full.Run == asked.Run })
	got := s.auditState()
	require.Empty(t, got.Open)
	require.Equal(t, "restored of yesterday", got.Full.Anew)
	require.Equal(t, "clean", s.audit("full").Full.State)
}

func TestWhatAnAuditFoundIsWrittenOnceThatIsPossible(t *testing.T) {
	log := &testkit.Log{}
	s := setup(t, func(cfg *ledger.Config) { cfg.Telemetry.LogOutput = log })
	s.guests("t1", 10)
	s.exec(s.admin, "UPDATE sales.sale SET total = '1.00' WHERE record_number = 7")
	yesterday := time.Now().Add(-25 * time.Hour).UnixMicro()
	testkit.Records{Terminal: "t2", Count: 3, At: func(number uint64) int64 { return yesterday + int64(number) }}.Leave(t, s.db.Admin)
	s.exec(s.admin, "REVOKE INSERT ON ledger.audit_finding FROM ledger")
	_, err := s.startAudit(map[string]string{})
	require.NoError(t, err)
	s.waitFor("it can't be written", func() bool { return strings.Contains(log.String(), "write what audit 1 found: ") })
	require.Equal(t, "running", s.auditState().Active.State)
	s.exec(s.admin, "GRANT INSERT ON ledger.audit_finding TO ledger")
	s.waitFor("it is written", func() bool { return s.auditState().Active == nil })
	require.Equal(t, map[string]int{"record_altered": 1, "promise_broken": 3}, s.auditState().Open, "PROMISE_WITHIN is over for those of yesterday")
	require.Equal(t, "findings", s.auditState().Full.State)
}

func TestAnAuditIsStoppedAndOneOfALedgerThatEndedIsNotWaitedFor(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	s := setup(t, func(cfg *ledger.Config) { cfg.Telemetry.MetricsAddr = addr })
	s.guests("t1", 10)
	_, err := stream.Ask[askedAudit](t.Context(), s.bus, "ops.ledger.audit.stop", struct{}{})
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	for request, says := range map[string]string{
		`{"scope":"all"}`: "scope must be full or since", `{"operator":"a\u0007"}`: "operator has a control character",
	} {
		_, err := stream.Ask[askedAudit](t.Context(), s.bus, "ops.ledger.audit.start", json.RawMessage(request))
		require.True(t, fault.Is(err, fault.Invalid), "%v", err)
		require.ErrorContains(t, err, says)
	}

	// A lock on what it reads keeps the audit where it is.
	held, err := s.admin.Begin(t.Context())
	require.NoError(t, err)
	_, err = held.Exec(t.Context(), "LOCK TABLE sales.loyalty_rules_text IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	asked, err := s.startAudit(map[string]string{})
	require.NoError(t, err)
	s.waitFor("it runs", func() bool { got := s.auditState().Active; return got != nil && got.State == "running" })
	s.waitFor("the metrics say so", func() bool { return scrape(t, addr)["tillseal_ledger_audit_running"] == "1" })
	_, err = s.startAudit(map[string]string{})
	require.True(t, fault.Is(err, fault.Conflict))
	require.ErrorContains(t, err, fmt.Sprintf("audit %d is running", asked.Run))
	stopped, err := stream.Ask[askedAudit](t.Context(), s.bus, "ops.ledger.audit.stop", map[string]string{"operator": "asha"})
	require.NoError(t, err)
	require.Equal(t, asked.Run, stopped.Run)
	s.waitFor("it is stopped", func() bool { return s.auditState().Active == nil })
	s.waitFor("the metrics say so", func() bool {
		shown := scrape(t, addr)
		return shown["tillseal_ledger_audit_running"] == "0" && shown[`tillseal_ledger_audit_result{scope="full"}`] == "2"
	})
	full := s.auditState().Full
	require.Equal(t, []any{"stopped", "an operator stopped it", "asha", ""}, []any{full.State, full.Why, full.StopBy, full.Completed})

	// One that runs when its ledger ends has failed.
	_, err = s.startAudit(map[string]string{})
	require.NoError(t, err)
	s.waitFor("it runs", func() bool { got := s.auditState().Active; return got != nil && got.State == "running" })
	s.stop()
	require.Equal(t, 1, s.count("SELECT count(*) FROM ledger.audit_run WHERE state = 'failed' AND why = 'the ledger that ran it ended, or another one leads'"))
	require.NoError(t, held.Rollback(t.Context()))

	// As has one whose ledger was killed: the next leader says so, and runs others.
	s.exec(s.ledger, `INSERT INTO ledger.audit_run (scope, asked_by, asked_at, state, runner, started_at)
		VALUES ('full', '', now(), 'running', $1, now())`, uuid.New())
	s.start()
	s.waitFor("the killed one is ended", func() bool { return s.auditState().Active == nil })
	require.Equal(t, "the ledger that ran it ended", s.auditState().Full.Why)
	require.Equal(t, "clean", s.audit("full").Full.State)
}

func TestAuditsBeginByThemselvesInOneReplica(t *testing.T) {
	s := setup(t, func(cfg *ledger.Config) { cfg.AuditAt = "03:00" })
	first := s.stop
	defer first()
	s.start(func(cfg *ledger.Config) { cfg.AuditAt = "03:00" })
	s.waitFor("one of everything was made, since none was yet", func() bool { got := s.auditState(); return got.Active == nil && got.Full != nil })
	require.Equal(t, "clean", s.auditState().Full.State)
	require.Empty(t, s.auditState().Full.AskedBy)
	require.Equal(t, 1, s.count("SELECT count(*) FROM ledger.audit_run"))

	// An hour later one of what came since is due, whichever replica leads by then.
	s.exec(s.ledger, "UPDATE ledger.audit_run SET started_at = started_at - interval '61 minutes'")
	first()
	s.waitFor("the next one is made", func() bool { return s.count("SELECT count(*) FROM ledger.audit_run WHERE ended_at IS NOT NULL") == 2 })
}

func TestAnAuditWithoutItsNodeIsNotCompleted(t *testing.T) {
	s := setup(t, func(cfg *ledger.Config) { cfg.Provider = "http://127.0.0.1:1/secret" })
	got := s.audit("full")
	require.Equal(t, "failed", got.Full.State)
	require.Equal(t, "WEB3_PROVIDER: node 1: the node could not be queried (eth_chainId: connection refused)", got.Full.Why)
	require.Empty(t, got.Full.Completed)

	s.exec(s.ledger, `INSERT INTO ledger.audit_run (scope, asked_by, asked_at, state, started_at, ended_at, checkpoint)
		VALUES ('full', '', now(), 'clean', now(), now(), '{"form":99}')`)
	require.Equal(t, "the last audit's checkpoint can't be read (it is no checkpoint of an audit, of form 1): start an audit of scope full, with anew saying why",
		s.audit("full").Full.Why)
}
