// Package auditor runs the audit (shared/audit) inside the ledger: each night of everything, each hour of what came since, and when an operator asks
// for it. What it finds stays open in Postgres until an audit of everything does not find it any more, and is announced as an event.
package auditor

import (
	"context"
	_ "embed" // the statement
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/wait"
)

// Auditor is one of any number of replicas. Each may be asked, and shows the metrics; the one that leads runs the audits.
type Auditor struct {
	Schedule      Schedule
	URL           config.Secret // of the role by which the views are read
	Provider      config.Secret // nodes of the chain, comma-separated; "" for an audit that does not ask the chain
	PromiseWithin time.Duration // after which a record that is in no mined batch is a finding
	Bus           *stream.Bus
	Log           *slog.Logger
	Metrics       *Metrics

	book   book
	began  time.Time
	warned rate.Sometimes
}

// New makes an auditor on the pool of the ledger.
func New(pool *pgxpool.Pool, a *Auditor) *Auditor {
	a.book, a.began, a.warned = book{pool: pool, runner: uuid.New()}, time.Now(), rate.Sometimes{Interval: warnEvery}
	return a
}

const (
	warnEvery      = time.Minute      // between two lines about what is tried again
	leadEvery      = 4 * time.Second  // between two tries to take the lock
	tickEvery      = time.Second      // between two looks at what was asked for
	dueEvery       = 15 * time.Second // between two looks at what is due
	showEvery      = 10 * time.Second // between two readings of what the metrics show
	stepTimeout    = 10 * time.Second // of a step of that, which are small statements
	endTimeout     = 10 * time.Second // for writing what an audit came to, also when the ledger is to end
	announceAtOnce = 20               // and that are noted as announced together
	announceMost   = 500              // findings that are announced at once
	busyWithin     = time.Minute      // since the newest record: tills are served
	busyEvery      = 5 * time.Second  // between two looks at that
	alarms         = 20               // lines about findings of one audit; the rest are counted
)

//go:embed sql/try_auditing.sql
var tryAuditingSQL string

// Run runs audits until ctx ends, while this replica has the lock by which one of them does.
func (a *Auditor) Run(ctx context.Context) {
	for {
		if err := a.lead(ctx); err != nil && ctx.Err() == nil {
			a.warn(err)
		}
		if !wait.Pause(ctx, leadEvery) {
			return
		}
	}
}

// lead runs audits for as long as it has the lock; nil when another replica has it. One that took it over while an audit lasts ends that in the table,
// which is seen there.
func (a *Auditor) lead(ctx context.Context) error {
	lead, err := postgres.TakeLead(ctx, a.book.pool, "auditor", tryAuditingSQL)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lead.Release(ctx)
	var looked time.Time
	for {
		if now := time.Now(); now.Sub(looked) >= dueEvery {
			looked = now
			if err := lead.Check(ctx); err != nil {
				return err
			}
			a.step(ctx, func(ctx context.Context) error { return a.book.orphans(ctx, now) }) // none is this one's: it runs none now
			a.step(ctx, a.askWhatIsDue)
			a.step(ctx, a.announce)
		}
		var next *taken
		a.step(ctx, func(ctx context.Context) (err error) { next, err = a.book.take(ctx, time.Now()); return err })
		if next != nil {
			a.audit(ctx, next)
			looked = time.Time{}
		}
		if !wait.Pause(ctx, tickEvery) {
			return nil
		}
	}
}

// Start asks for an audit, which the replica that leads begins within seconds; it returns its run. It is a Conflict while there is one, or when one
// of what came since has nothing to begin at.
func (a *Auditor) Start(ctx context.Context, asked Asked) (run int64, err error) {
	return a.book.ask(ctx, asked, time.Now())
}

// Stop asks the audit that was asked for or runs to stop; it returns its run and its state by now. It is a Conflict when there is none.
func (a *Auditor) Stop(ctx context.Context, by string) (run int64, state string, err error) {
	return a.book.stop(ctx, by, time.Now())
}

// Status is how the audits stand.
type Status struct {
	Runs

	Open     map[audit.Kind]int64 // findings
	Findings []Found              // the first of them
}

// Status reads how the audits stand, with some of the open findings at most.
func (a *Auditor) Status(ctx context.Context, most int) (s Status, err error) {
	if s.Runs, err = a.book.runs(ctx); err != nil {
		return s, err
	}
	if s.Open, err = a.book.open(ctx); err != nil {
		return s, err
	}
	s.Findings, err = a.book.list(ctx, openSQL, most)
	return s, err
}

// step is a small one, which is tried again later when it fails.
func (a *Auditor) step(ctx context.Context, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	if err := do(ctx); err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		a.warn(err)
	}
}

// warn logs that something will be tried again, now and then.
func (a *Auditor) warn(err error) {
	a.warned.Do(func() {
		a.Log.Warn("an audit's next step failed and is tried again", "kind", fault.KindOf(err).String(), "error", err)
	})
}

func (a *Auditor) askWhatIsDue(ctx context.Context) error {
	runs, err := a.book.runs(ctx)
	if err != nil {
		return err
	}
	scope := a.Schedule.due(time.Now(), runs)
	if scope == "" {
		return nil
	}
	_, err = a.book.ask(ctx, Asked{Scope: scope}, time.Now())
	if fault.Is(err, fault.Conflict) { // somebody else did
		return nil
	}
	return err
}

// errStopped is about an audit that an operator asked to stop.
var errStopped = errors.New("an operator stopped it")

// audit runs an audit and writes what it came to.
func (a *Auditor) audit(ctx context.Context, t *taken) {
	began := time.Now()
	a.Log.Info("an audit begins", "run", t.Run, "scope", t.Scope)
	doing, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var at progress
	var beside sync.WaitGroup
	beside.Go(func() { a.follow(doing, t.Run, &at, cancel) })
	report, err := a.check(doing, t, &at)
	cause := context.Cause(doing)
	cancel(nil)
	beside.Wait()
	state, why := clean, ""
	switch {
	case err == nil && report.Clean():
	case err == nil:
		state = findings
	case errors.Is(cause, errStopped):
		state, why = stopped, cause.Error()
	case ctx.Err() != nil:
		state, why = failed, "the ledger that ran it ended, or another one leads"
	default:
		state, why = failed, err.Error()
	}
	a.say(t, state, why, report, time.Since(began))
	for !a.end(ctx, t, state, why, report) {
		if !wait.Pause(ctx, tickEvery) { // whoever leads next ends it
			return
		}
	}
	a.step(ctx, a.show)
	a.step(ctx, a.announce)
}

// end writes what an audit came to, and reports whether there is nothing left to write: an audit of hours is not lost with a connection.
func (a *Auditor) end(ctx context.Context, t *taken, state, why string, report *audit.Report) (done bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err := a.book.end(ctx, t, state, why, report, time.Now())
	if err != nil {
		a.warn(fmt.Errorf("write what audit %d found: %w", t.Run, err))
	}
	return err == nil || errors.Is(err, errTaken)
}

// say logs what an audit came to.
func (a *Auditor) say(t *taken, state, why string, report *audit.Report, took time.Duration) {
	args := []any{"run", t.Run, "scope", t.Scope, "state", state, "took", took.Round(time.Millisecond).String()}
	if report != nil {
		args = append(args, "records", report.Records)
	}
	if why != "" {
		args = append(args, "why", why)
	}
	if state == failed {
		a.Log.Warn("an audit could not be completed", args...)
	} else {
		a.Log.Info("an audit has ended", args...)
	}
	if report == nil || report.Clean() {
		return
	}
	for i := range report.Findings[:min(alarms, len(report.Findings))] {
		f := &report.Findings[i] // of which a customer's id stays in the database
		a.Log.Error("ALARM: the audit found what no service does: see ops.ledger.audit.status", "run", t.Run, "finding", idOf(f), "kind", string(f.Kind),
			"sale_id", f.SaleID, "terminal_id", f.TerminalID, "number", f.Number, "deployment", f.Deployment, "batch_id", f.BatchID)
	}
	if more := len(report.Findings) - alarms; more > 0 {
		a.Log.Error("ALARM: the audit found more than is logged: see ops.ledger.audit.status", "run", t.Run, "more", more)
	}
}

// progress is how far an audit is.
type progress struct {
	mu       sync.Mutex
	part     string
	done, of int64
}

func (p *progress) set(part string, done, of int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part, p.done, p.of = part, done, of
}

func (p *progress) get() (part string, done, of int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.part, p.done, p.of
}

// follow writes how far an audit is until ctx ends, and ends it when it was asked to stop or is this ledger's no more.
func (a *Auditor) follow(ctx context.Context, run int64, at *progress, end context.CancelCauseFunc) {
	var announced time.Time
	for wait.Pause(ctx, tickEvery) {
		if time.Since(announced) >= dueEvery { // an audit may last for hours
			announced = time.Now()
			a.step(ctx, a.announce)
		}
		part, done, of := at.get()
		a.step(ctx, func(ctx context.Context) error {
			stop, err := a.book.progress(ctx, run, part, done, of)
			switch {
			case errors.Is(err, errTaken):
				end(err)
				return nil
			case stop:
				end(errStopped)
			}
			return err
		})
	}
}

// check audits. The report is what was found also with an error; nil when it could not begin.
func (a *Auditor) check(ctx context.Context, t *taken, at *progress) (*audit.Report, error) {
	o := audit.Options{Now: time.Now(), AnchoredWithin: a.PromiseWithin, Progress: at.set, Rest: a.rest()}
	if t.Checkpoint != nil {
		if err := t.Checkpoint.Check(); err != nil {
			return nil, fmt.Errorf("the last audit's checkpoint can't be read (%w): start an audit of scope full, with anew saying why", err)
		}
	}
	if o.Pinned = t.Checkpoint; t.Scope == Since {
		o.Since = t.Checkpoint
	}
	if a.Provider != "" {
		chain, err := dial(ctx, a.Provider)
		if err != nil {
			return nil, err
		}
		defer chain.Close()
		o.Chain = chain
	}
	snapshot, err := audit.Open(ctx, a.URL, o.Chain, 1)
	if err != nil {
		return nil, err
	}
	defer snapshot.Close(ctx)
	return snapshot.Audit(ctx, o)
}

// rest lets an audit have a quarter of a core while tills are served, and otherwise what it takes.
func (a *Auditor) rest() func(context.Context, time.Duration) error {
	quarter := audit.OnePart(audit.QuarterCore)
	var (
		looked time.Time
		busy   bool
	)
	return func(ctx context.Context, worked time.Duration) error {
		if now := time.Now(); now.Sub(looked) > busyEvery {
			newest, err := a.book.newest(ctx, now)
			looked, busy = now, err != nil || now.Sub(newest) < busyWithin
		}
		if !busy {
			return ctx.Err()
		}
		return quarter(ctx, worked)
	}
}
