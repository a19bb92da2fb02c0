package auditor

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// desk is a book of two ledgers.
type desk struct {
	t     *testing.T
	db    testkit.DB
	own   *book
	other *book
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	db := testkit.Database(t)
	pool, err := pgxpool.New(t.Context(), db.Ledger)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return &desk{t, db, &book{pool: pool, runner: uuid.New()}, &book{pool: pool, runner: uuid.New()}}
}

func (d *desk) exec(statement string, args ...any) {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.db.Admin)
	require.NoError(d.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(d.t.Context(), statement, args...)
	require.NoError(d.t, err)
}

// begin asks for an audit and takes it.
func (d *desk) begin(scope string, anew ...string) *taken {
	d.t.Helper()
	asked := Asked{Scope: scope, By: "asha"}
	if len(anew) > 0 {
		asked.Anew = anew[0]
	}
	run, err := d.own.ask(d.t.Context(), asked, noon)
	require.NoError(d.t, err)
	t, err := d.own.take(d.t.Context(), noon)
	require.NoError(d.t, err)
	require.Equal(d.t, run, t.Run)
	return t
}

func report(findings ...audit.Finding) *audit.Report {
	r := &audit.Report{Findings: findings, Counts: map[audit.Kind]int64{}, Checkpoint: &audit.Checkpoint{Form: 1, At: noon}}
	for _, f := range findings {
		r.Counts[f.Kind]++
	}
	return r
}

// ran is an audit from its beginning to its end.
func (d *desk) ran(scope, state string, r *audit.Report, at time.Time) {
	d.t.Helper()
	require.NoError(d.t, d.own.end(d.t.Context(), d.begin(scope), state, "", r, at))
}

func (d *desk) open() map[audit.Kind]int64 {
	d.t.Helper()
	open, err := d.own.open(d.t.Context())
	require.NoError(d.t, err)
	return open
}

var (
	altered = audit.Finding{Kind: audit.RecordAltered, TerminalID: "t1", Number: 7, Detail: "x"}
	differs = audit.Finding{Kind: audit.LogDiffers, Deployment: 1, BatchID: 9, Detail: "x"}
)

func TestOnlyAnAuditOfEverythingThatWasCompletedAndLookedClosesAFinding(t *testing.T) {
	d := newDesk(t)
	d.ran(Full, findings, report(altered, differs), noon)
	both := map[audit.Kind]int64{audit.RecordAltered: 1, audit.LogDiffers: 1}
	require.Equal(t, both, d.open())
	d.ran(Full, failed, report(), noon)
	d.ran(Full, failed, nil, noon)
	d.ran(Full, stopped, report(), noon)
	d.ran(Since, clean, report(), noon)
	require.Equal(t, both, d.open())
	truncated := report()
	truncated.Counts[audit.PointsWrong] = audit.MaxFindings + 1
	d.ran(Full, findings, truncated, noon)
	require.Equal(t, both, d.open(), "it had more than it kept")
	blind := report()
	blind.Unknown = []audit.Kind{audit.LogDiffers, audit.NotAnchored}
	d.ran(Full, clean, blind, noon)
	require.Equal(t, map[audit.Kind]int64{audit.LogDiffers: 1}, d.open(), "the chain was not asked")
	d.ran(Full, clean, report(), noon)
	require.Empty(t, d.open())
}

func TestAFindingIsFoundFirstAndPublishedOnceForEachTimeThatItComes(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	unpublished := func() []Found {
		all, err := d.own.list(ctx, unpublishedSQL, 10)
		require.NoError(t, err)
		return all
	}
	d.ran(Full, findings, report(altered, altered), noon)
	first := unpublished()
	require.Len(t, first, 1)
	require.Equal(t, altered, first[0].Body)
	require.NoError(t, d.own.published(ctx, []string{first[0].Finding}, noon))
	again := altered
	again.Detail = "another word for it"
	d.ran(Full, findings, report(again), noon.Add(time.Hour))
	require.Empty(t, unpublished())
	open, err := d.own.list(ctx, openSQL, 10)
	require.NoError(t, err)
	require.Equal(t, again, open[0].Body)
	require.True(t, open[0].FoundAt.Equal(noon), "since when it is there")

	d.ran(Full, clean, report(), noon.Add(2*time.Hour))
	d.ran(Full, findings, report(altered), noon.Add(3*time.Hour))
	require.Len(t, unpublished(), 1, "it came again")
	require.True(t, unpublished()[0].FoundAt.Equal(noon.Add(3*time.Hour)))
	d.ran(Full, clean, report(), noon.Add(4*time.Hour))
	require.Len(t, unpublished(), 1, "and is announced also once it is gone")
}

func TestFindingsAreOneWhereTheyAreAboutOneThing(t *testing.T) {
	ids := map[string]bool{}
	for _, f := range []audit.Finding{
		altered, differs,
		{Kind: audit.RecordMissing, TerminalID: "t1", Number: 7},
		{Kind: audit.RecordAltered, TerminalID: "t1", Number: 8},
		{Kind: audit.RecordAltered, TerminalID: "t2", Number: 7},
		{Kind: audit.RecordAltered, TerminalID: "t1", Number: 7, SaleID: "s"},
		{Kind: audit.BatchAltered, Deployment: 1, BatchID: 9},
		{Kind: audit.BatchAltered, Deployment: 2, BatchID: 9},
		{Kind: audit.BatchAltered, Deployment: 1, BatchID: 10},
		{Kind: audit.AccountAltered, CustomerID: "C-1"},
		{Kind: audit.AccountAltered, CustomerID: "C-2"},
		{Kind: audit.CheckpointGone, TerminalID: "t1", Number: 7, Detail: "the record"},
		{Kind: audit.CheckpointGone, TerminalID: "t1", Number: 7, Detail: "the closing"},
		{Kind: audit.CheckpointGone, BatchID: 9, Detail: "one contract"},
		{Kind: audit.CheckpointGone, BatchID: 9, Detail: "another contract"},
		{Kind: audit.RulesAltered, Detail: `version "1"`},
		{Kind: audit.RulesAltered, Detail: `version "2"`},
	} {
		require.False(t, ids[idOf(&f)], f)
		ids[idOf(&f)] = true
	}
	later := differs
	later.BatchID, later.Detail = 10, "both have grown"
	require.Equal(t, idOf(&differs), idOf(&later))
}

func TestTheCheckpointIsThatOfTheLastAuditThatWasCompleted(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	_, err := d.own.ask(ctx, Asked{Scope: Since}, noon)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	first := report()
	first.Checkpoint.Logs = []audit.PinnedLog{{ChainID: "1", Size: 5}}
	d.ran(Full, findings, first, noon)
	d.ran(Full, failed, report(), noon)
	d.ran(Since, stopped, report(), noon)
	for _, scope := range []string{Since, Full} {
		t := d.begin(scope)
		require.Equal(d.t, first.Checkpoint.Logs, t.Checkpoint.Logs, scope)
		require.NoError(d.t, d.own.end(ctx, t, failed, "", nil, noon))
	}
	anew := d.begin(Full, "restored")
	require.Nil(t, anew.Checkpoint)
	require.NoError(t, d.own.end(ctx, anew, clean, "", report(), noon))
	require.Empty(t, d.begin(Full).Checkpoint.Logs, "from then on")
}

func TestAnotherLedgersAuditIsLeftAlone(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	mine := d.begin(Full)
	_, err := d.other.progress(ctx, mine.Run, "records", 1, 2)
	require.ErrorIs(t, err, errTaken)
	require.ErrorIs(t, d.other.end(ctx, mine, clean, "", report(altered), noon), errTaken)
	require.Empty(t, d.open(), "and nothing of it is kept")
	stop, err := d.own.progress(ctx, mine.Run, "records", 1, 2)
	require.NoError(t, err)
	require.False(t, stop)
	_, state, err := d.other.stop(ctx, "asha", noon)
	require.NoError(t, err)
	require.Equal(t, running, state)
	stop, err = d.own.progress(ctx, mine.Run, "records", 1, 2)
	require.NoError(t, err)
	require.True(t, stop)
	require.NoError(t, d.other.orphans(ctx, noon))
	_, err = d.own.progress(ctx, mine.Run, "records", 1, 2)
	require.ErrorIs(t, err, errTaken)
	require.ErrorIs(t, d.own.end(ctx, mine, clean, "", report(), noon), errTaken)

	run, err := d.own.ask(ctx, Asked{Scope: Full}, noon)
	require.NoError(t, err)
	_, err = d.own.ask(ctx, Asked{Scope: Full}, noon)
	require.ErrorContains(t, err, "is asked: stop it")
	stopping, state, err := d.own.stop(ctx, "asha", noon)
	require.NoError(t, err)
	require.Equal(t, []any{run, stopped}, []any{stopping, state}, "before it began")
	none, err := d.own.take(ctx, noon)
	require.NoError(t, err)
	require.Nil(t, none)
	d.exec("ALTER TABLE ledger.audit_run RENAME TO away")
	none, err = d.own.take(ctx, noon)
	require.Error(t, err)
	require.Nil(t, none, "nothing begins that could not be read")
}

// While a till is served an audit rests four times as long as it works, and otherwise not.
func TestAnAuditRestsWhileTillsAreServed(t *testing.T) {
	d := newDesk(t)
	a := &Auditor{book: *d.own}
	const worked = 30 * time.Millisecond
	began := time.Now()
	require.NoError(t, a.rest()(t.Context(), time.Hour))
	require.Less(t, time.Since(began), time.Minute, "no record was ever made")
	testkit.Records{Terminal: "t1", Count: 1, At: func(uint64) int64 { return time.Now().UnixMicro() }}.Leave(t, d.db.Admin)
	began = time.Now()
	require.NoError(t, a.rest()(t.Context(), worked))
	require.GreaterOrEqual(t, time.Since(began), 4*worked)
	d.exec("ALTER TABLE sales.sale RENAME TO away")
	began = time.Now()
	require.NoError(t, a.rest()(t.Context(), worked), "an audit of hours does not end because of that")
	require.GreaterOrEqual(t, time.Since(began), 4*worked)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, a.rest()(ctx, worked), context.Canceled)
}
