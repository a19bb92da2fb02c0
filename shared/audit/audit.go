// Package audit finds what was altered, removed, added, doubled, reordered or left out of a shop's records, from the views for auditors and the
// chain alone: it trusts neither the database nor the services, but the shop's published keys and the contract (infra/docs/AUDITING.md).
package audit

import (
	"context"
	_ "embed" // the statements
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
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
	//go:embed sql/record_hash.sql
	recordHashSQL string
	//go:embed sql/keys.sql
	keysSQL string
	//go:embed sql/records_count.sql
	recordsCountSQL string
)

// Options are what an audit is told.
type Options struct {
	Since          *Checkpoint                    // what an earlier audit has seen, which must still stand: only what came after is checked; nil for all
	Terminal       string                         // of one terminal's chains alone; "" for all
	Customer       string                         // of one customer alone; "" for all
	Now            time.Time                      // by which promises are due
	AnchoredWithin time.Duration                  // after which a record should stand in a mined batch
	Chain          Chain                          // nil: the contract's log is not compared
	Published      common.Address                 // the contract that the shop has published; zero where the auditor does not know
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
	a := &auditor{tx: tx, Options: o, touched: make(map[string]bool), refunded: make(map[string]bool),
		report: &Report{Findings: []Finding{}, Counts: map[Kind]int64{}, Skipped: []string{}}}
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
	a.checkpoint = Checkpoint{Form: checkpointForm, At: o.Now, Chains: []PinnedChain{}, Logs: []PinnedLog{}}
	for _, p := range a.parts() {
		a.part = p.name
		if err := p.run(ctx); err != nil {
			return nil, err
		}
	}
	if o.Since != nil {
		a.skip("what was recorded before " + o.Since.At.UTC().Format(time.RFC3339) + ": only a full audit clears that")
	}
	if o.Terminal == "" && o.Customer == "" {
		slices.SortFunc(a.checkpoint.Chains, func(x, y PinnedChain) int { return strings.Compare(x.TerminalID, y.TerminalID) })
		a.report.Checkpoint = &a.checkpoint
	}
	a.report.settle()
	return a.report, nil
}

// part is a part of an audit.
type part struct {
	name string
	run  func(context.Context) error
}

func (a *auditor) parts() []part {
	switch {
	case a.Terminal != "":
		a.skip("all but the records of terminal " + a.Terminal)
		return []part{{"records", a.records}}
	case a.Customer != "":
		a.skip("all but the entries of the customer, as their records are: whether those are intact is for an audit of all")
		return []part{{"customers", a.customers}}
	}
	return []part{
		{"records", a.records}, {"customers", a.customers}, {"refunds", a.refunds}, {"closings", a.closings}, {"batches", a.allBatches}, {"the chain", a.onChain},
		{"what is not anchored", a.unanchored},
	}
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
	checkpoint  Checkpoint

	// Of an audit since a checkpoint, what has come since.
	touched  map[string]bool // customers
	refunded map[string]bool // sales
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
