// Package audit finds what was altered, removed, added, doubled, reordered or left out of a shop's records, from the views for auditors and the
// chain alone: it trusts neither the database nor the services, but the shop's published keys and the contract (infra/docs/AUDITING.md).
package audit

import (
	"context"
	_ "embed" // the statements
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/postgres"
)

var (
	//go:embed sql/chains.sql
	chainsSQL string
	//go:embed sql/next_chain.sql
	nextChainSQL string
	//go:embed sql/records.sql
	recordsSQL string
	//go:embed sql/keys.sql
	keysSQL string
	//go:embed sql/records_count.sql
	recordsCountSQL string
)

// Options are what an audit is told.
type Options struct {
	Now            time.Time                      // by which promises are due
	AnchoredWithin time.Duration                  // after which a record should stand in a mined batch
	Chain          Chain                          // nil: the contract's log is not compared
	Progress       func(part string, n, of int64) // called now and then; nil for none
}

// Source is a session of the auditor's role, or a transaction on it.
type Source interface {
	Query(ctx context.Context, statement string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, statement string, args ...any) pgx.Row
}

// Run audits what a snapshot shows: tx is a read-only transaction of the auditor's role with one snapshot for all its statements. The report is what
// was found; an error means that not all could be read.
func Run(ctx context.Context, tx Source, o Options) (*Report, error) {
	a := &auditor{tx: tx, Options: o, report: &Report{Findings: []Finding{}, Counts: map[Kind]int64{}, Skipped: []string{}}}
	var (
		jwks         []string
		unpromisedUS int64
	)
	if err := tx.QueryRow(ctx, keysSQL).Scan(&jwks, &unpromisedUS); err != nil {
		return nil, failed("audit.promise_key", err)
	}
	a.keys = intact.KeysOf(jwks, unpromisedUS)
	if err := tx.QueryRow(ctx, recordsCountSQL).Scan(&a.all); err != nil {
		return nil, failed("audit.terminal", err)
	}
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"records", a.records},
		{"customers", a.customers},
		{"refunds", a.refunds},
		{"batches", a.allBatches},
		{"the chain", a.onChain},
		{"what is not anchored", a.unanchored},
	} {
		a.part = part.name
		if err := part.run(ctx); err != nil {
			return nil, err
		}
	}
	a.report.settle()
	return a.report, nil
}

// auditor is one audit on its way.
type auditor struct {
	Options

	tx    Source
	keys  intact.Keys
	rules map[string]*loyalty.Rules // by version
	part  string
	all   int64 // records, about

	mu     sync.Mutex // guards the findings
	report *Report

	deployments []*deployment
}

func (a *auditor) found(f Finding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.found(f)
}

func (a *auditor) skip(what string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Skipped = append(a.report.Skipped, what)
}

// scan reads a row into values.
type scan func(values ...any) error

// each calls do with each row of a statement about a view.
func (a *auditor) each(ctx context.Context, view, statement string, do func(scan) error, args ...any) error {
	rows, err := a.tx.Query(ctx, statement, args...)
	if err != nil {
		return failed(view, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return failed(view, err)
		}
	}
	return failed(view, rows.Err())
}

// progressEvery is how many rows pass between two calls of Progress.
const progressEvery = 1000

func (a *auditor) progress(n int64) {
	if a.Progress != nil && n%progressEvery == 0 {
		a.Progress(a.part, n, a.all)
	}
}

func (a *auditor) nextChain(ctx context.Context, after string) (string, error) {
	var next string
	err := a.tx.QueryRow(ctx, nextChainSQL, after).Scan(&next)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return next, failed("audit.sale", err)
}

// failed says what could not be read. A role without the right is the likeliest mistake.
func failed(view string, err error) error {
	return postgres.Fault("read "+view+" as the auditor", err)
}
