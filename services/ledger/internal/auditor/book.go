package auditor

import (
	"context"
	"crypto/sha256"
	_ "embed" // the statements
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
)

var (
	//go:embed sql/ask.sql
	askSQL string
	//go:embed sql/orphans.sql
	orphansSQL string
	//go:embed sql/take.sql
	takeSQL string
	//go:embed sql/progress.sql
	progressSQL string
	//go:embed sql/end.sql
	endSQL string
	//go:embed sql/forget.sql
	forgetSQL string
	//go:embed sql/found.sql
	foundSQL string
	//go:embed sql/clear.sql
	clearSQL string
	//go:embed sql/unpublished.sql
	unpublishedSQL string
	//go:embed sql/published.sql
	publishedSQL string
	//go:embed sql/open_kinds.sql
	openKindsSQL string
	//go:embed sql/open.sql
	openSQL string
	//go:embed sql/stop.sql
	stopSQL string
	//go:embed sql/runs.sql
	runsSQL string
	//go:embed sql/resumable.sql
	resumableSQL string
	//go:embed sql/newest_record.sql
	newestRecordSQL string
)

// Ran is an audit that the ledger was asked for, runs or ran.
type Ran struct {
	Run       int64
	Scope     string
	AskedBy   string // "" for the schedule
	Anew      *string
	AskedAt   time.Time
	State     string
	StartedAt *time.Time
	EndedAt   *time.Time
	StopBy    *string
	Part      *string // what it is at, how many rows of that are done, and of about how many
	Done      *int64
	OutOf     *int64
	Why       *string // it failed
	Report    *Summary
}

// Summary is what is kept of an audit's report.
type Summary struct {
	Records   int64                `json:"records"`
	Entries   int64                `json:"entries"`
	Batches   int64                `json:"batches"`
	Closings  int64                `json:"closings"`
	Counts    map[audit.Kind]int64 `json:"counts"`
	Skipped   []string             `json:"skipped"`
	Contracts []audit.Compared     `json:"contracts"`
}

// Runs are what is known of audits.
type Runs struct {
	Active    *Ran            // that was asked for or runs; nil for none
	Ended     map[string]*Ran // by scope, the last that ended in whatever way after it had begun
	Completed map[string]*Ran // and the last that was completed
	Resumable bool            // there is a checkpoint to begin at
}

// Found is a finding that is open.
type Found struct {
	Finding string // its id
	Run     int64  // the last audit that found it
	Body    audit.Finding
	FoundAt time.Time
}

// book is what the tables have. It is safe for concurrent use.
type book struct {
	pool   *pgxpool.Pool
	runner uuid.UUID
}

// taken is an audit that this ledger runs.
type taken struct {
	Run        int64
	Scope      string
	Checkpoint *audit.Checkpoint // of the last one that was completed; nil for none, and for one that begins anew
}

// Asked is an audit that somebody asks for.
type Asked struct {
	Scope string // Full or Since
	By    string // who asks; "" for the schedule
	Anew  string // why what earlier audits have seen is asked for no more, of one of everything; "" for one that compares it
}

// ask asks for an audit, and returns its run. It is a Conflict while there is one, or when one of what came since has nothing to begin at.
func (b *book) ask(ctx context.Context, a Asked, now time.Time) (run int64, err error) {
	err = b.pool.QueryRow(ctx, askSQL, pgx.NamedArgs{"scope": a.Scope, "by": a.By, "now": now, "anew": optional(a.Anew)}).Scan(&run)
	if !errors.Is(err, pgx.ErrNoRows) {
		return run, postgres.Fault("ask for an audit", err)
	}
	runs, err := b.runs(ctx)
	switch {
	case err != nil:
		return 0, err
	case runs.Active != nil:
		return 0, fault.New(fault.Conflict, "audit %d is %s: stop it, or wait for its end", runs.Active.Run, runs.Active.State)
	case a.Scope == Since && !runs.Resumable:
		return 0, fault.New(fault.Conflict, "no audit has been completed yet for one of scope since to begin at: start one of scope full")
	}
	return 0, fault.New(fault.Transient, "an audit has ended just now: ask again")
}

// stop asks the audit to stop. It is a Conflict when there is none.
func (b *book) stop(ctx context.Context, by string, now time.Time) (run int64, state string, err error) {
	err = b.pool.QueryRow(ctx, stopSQL, pgx.NamedArgs{"by": by, "now": now}).Scan(&run, &state)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, "", fault.New(fault.Conflict, "no audit was asked for or runs")
	}
	return run, state, postgres.Fault("ask the audit to stop", err)
}

// take begins the audit that was asked for; nil for none.
func (b *book) take(ctx context.Context, now time.Time) (*taken, error) {
	var t taken
	err := b.pool.QueryRow(ctx, takeSQL, pgx.NamedArgs{"runner": b.runner, "now": now}).Scan(&t.Run, &t.Scope, &t.Checkpoint)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, postgres.Fault("begin an audit", err)
	}
	return &t, nil
}

// orphans ends what an earlier leader has begun and did not end.
func (b *book) orphans(ctx context.Context, now time.Time) error {
	_, err := b.pool.Exec(ctx, orphansSQL, pgx.NamedArgs{"now": now})
	return postgres.Fault("end the audit of a ledger that ended", err)
}

// errTaken is about an audit that is this ledger's no more.
var errTaken = errors.New("another ledger has ended it")

// progress writes how far an audit is, and reports whether it was asked to stop.
func (b *book) progress(ctx context.Context, run int64, part string, done, of int64) (stop bool, err error) {
	err = b.pool.QueryRow(ctx, progressSQL, pgx.NamedArgs{"run": run, "runner": b.runner, "part": optional(part), "done": done, "of": of}).Scan(&stop)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, errTaken
	}
	return stop, postgres.Fault("write how far the audit is", err)
}

// end writes what an audit came to: its findings are open from then on, and what one of everything did not find any more is not.
func (b *book) end(ctx context.Context, t *taken, state, why string, report *audit.Report, now time.Time) error {
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, endSQL, pgx.NamedArgs{
			"run": t.Run, "runner": b.runner, "state": state, "now": now, "why": optional(why), "report": summaryOf(report), "checkpoint": checkpointOf(state, report),
		})
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return errTaken
		}
		if report == nil {
			return nil
		}
		ids, kinds, bodies, counted := rowsOf(report)
		if _, err := tx.Exec(ctx, foundSQL, pgx.NamedArgs{"run": t.Run, "now": now, "findings": ids, "kinds": kinds, "bodies": bodies}); err != nil {
			return err
		}
		if completed(state) {
			if t.Scope == Full && counted == len(report.Findings) {
				if _, err := tx.Exec(ctx, clearSQL, pgx.NamedArgs{"run": t.Run, "now": now, "unknown": unknown(report)}); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(ctx, forgetSQL, pgx.NamedArgs{"run": t.Run}); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errTaken) {
		return errTaken
	}
	return postgres.Fault("write what the audit found", err)
}

// unknown are the kinds of which a report says nothing where it has none.
func unknown(r *audit.Report) []string {
	kinds := make([]string, len(r.Unknown))
	for i, k := range r.Unknown {
		kinds[i] = string(k)
	}
	return kinds
}

func completed(state string) bool { return state == clean || state == findings }

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func summaryOf(r *audit.Report) *Summary {
	if r == nil {
		return nil
	}
	return &Summary{
		Records: r.Records, Entries: r.Entries, Batches: r.Batches, Closings: r.Closings, Counts: r.Counts, Skipped: r.Skipped, Contracts: r.Contracts,
	}
}

// checkpointOf is where the next audit begins, also behind findings: these stay open until one of everything does not find them any more.
func checkpointOf(state string, r *audit.Report) *audit.Checkpoint {
	if !completed(state) {
		return nil
	}
	return r.Checkpoint
}

// rowsOf are the findings of a report, each once, and how many there were with those that it left out.
func rowsOf(r *audit.Report) (ids, kinds []string, bodies []json.RawMessage, counted int) {
	seen := make(map[string]bool, len(r.Findings))
	ids, kinds = []string{}, []string{}
	for i := range r.Findings {
		f := &r.Findings[i]
		id := idOf(f)
		if seen[id] {
			continue
		}
		seen[id] = true
		body, err := json.Marshal(f)
		if err != nil {
			panic("auditor: a finding does not marshal: " + err.Error()) // texts and numbers
		}
		ids, kinds, bodies = append(ids, id), append(kinds, string(f.Kind)), append(bodies, body)
	}
	for _, n := range r.Counts {
		counted += int(n)
	}
	return ids, kinds, bodies, counted
}

// idOf is a finding's id: the same each time that it is found, whatever its detail says. Where a contract's log begins to differ may be another batch
// each time, as both grow. What names nothing by ids goes by its detail, and so does what an earlier audit saw: a record or a closing, or a contract.
func idOf(f *audit.Finding) string {
	batch, detail := f.BatchID, ""
	if f.Kind == audit.LogDiffers {
		batch = 0
	}
	if f.Deployment == 0 && (f.Kind == audit.CheckpointGone || f.SaleID+f.TerminalID+f.CustomerID == "") {
		detail = f.Detail
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d %q %d %d %q", f.Kind, f.SaleID, f.TerminalID, f.Number, f.CustomerID, f.Deployment, batch, detail))
	return hex.EncodeToString(sum[:])
}

// runs reads what is known of audits.
func (b *book) runs(ctx context.Context) (Runs, error) {
	runs := Runs{Ended: make(map[string]*Ran), Completed: make(map[string]*Ran)}
	rows, err := b.pool.Query(ctx, runsSQL)
	if err != nil {
		return runs, postgres.Fault("read the audits", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[Ran])
	if err != nil {
		return runs, postgres.Fault("read the audits", err)
	}
	for _, r := range all { // in order: the last one stays
		switch {
		case r.State == asked || r.State == running:
			runs.Active = r
			continue
		case completed(r.State):
			runs.Completed[r.Scope] = r
		}
		runs.Ended[r.Scope] = r
	}
	return runs, postgres.Fault("read the audits", b.pool.QueryRow(ctx, resumableSQL).Scan(&runs.Resumable))
}

// open counts the open findings by their kinds.
func (b *book) open(ctx context.Context) (map[audit.Kind]int64, error) {
	all := make(map[audit.Kind]int64)
	rows, err := b.pool.Query(ctx, openKindsSQL)
	if err != nil {
		return nil, postgres.Fault("count the open findings", err)
	}
	var (
		kind audit.Kind
		n    int64
	)
	_, err = pgx.ForEachRow(rows, []any{&kind, &n}, func() error { all[kind] = n; return nil })
	return all, postgres.Fault("count the open findings", err)
}

// list reads open findings, by openSQL or unpublishedSQL.
func (b *book) list(ctx context.Context, statement string, most int) ([]Found, error) {
	rows, err := b.pool.Query(ctx, statement, pgx.NamedArgs{"rows": most})
	if err != nil {
		return nil, postgres.Fault("read the open findings", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Found])
	return all, postgres.Fault("read the open findings", err)
}

// published notes that findings were announced.
func (b *book) published(ctx context.Context, ids []string, now time.Time) error {
	_, err := b.pool.Exec(ctx, publishedSQL, pgx.NamedArgs{"findings": ids, "now": now})
	return postgres.Fault("note that findings were announced", err)
}

// newest is when the newest record was made.
func (b *book) newest(ctx context.Context, now time.Time) (time.Time, error) {
	var us int64
	err := b.pool.QueryRow(ctx, newestRecordSQL, pgx.NamedArgs{"now": now.UnixMicro()}).Scan(&us)
	return time.UnixMicro(us), postgres.Fault("find the newest record", err)
}
