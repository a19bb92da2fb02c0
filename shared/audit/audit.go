// Package audit finds what was altered, removed, added, doubled, reordered or left out of a shop's records, from the views for auditors and the
// chain alone: it trusts neither the database nor the services, but the shop's published keys and the contract (infra/docs/AUDITING.md).
package audit

import (
	"context"
	_ "embed" // the statements
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/promise"
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
	//go:embed sql/chainless.sql
	chainlessSQL string
	//go:embed sql/count.sql
	countSQL string
	//go:embed sql/part.sql
	partSQL string
	//go:embed sql/records_count.sql
	recordsCountSQL string
)

// Options are what an audit is told.
type Options struct {
	Since          *Checkpoint                    // what an earlier audit has seen, which must still stand: only what came after is checked; nil for all
	Pinned         *Checkpoint                    // the same, where all is checked; nil for none
	Terminal       string                         // of one terminal's chains alone; "" for all
	Customer       string                         // of one customer alone; "" for all
	Now            time.Time                      // by which promises are due
	AnchoredWithin time.Duration                  // after which a record should stand in a mined batch
	Chain          Chain                          // nil: the contract's log is not compared
	Published      []common.Address               // the contracts that the shop has published; none where the auditor does not know
	Keys           *promise.Set                   // the keys that the shop has published; nil where the auditor does not know: the database's are believed
	Progress       func(part string, n, of int64) // called now and then; nil for none

	// Rest is called after each part of the work, some milliseconds of it, with the time for which the audit worked or waited for the database: as
	// long as it does not return the audit rests. Its error ends the audit. Nil: it never rests.
	Rest func(ctx context.Context, worked time.Duration) error

	before map[place]answered // what the chain said before the snapshot was taken
}

// pins are what an earlier audit has seen; nil for none.
func (o *Options) pins() *Checkpoint {
	if o.Since != nil {
		return o.Since
	}
	return o.Pinned
}

// Source is a session of the auditor's role, or a transaction on it.
type Source interface {
	Query(ctx context.Context, statement string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, statement string, args ...any) pgx.Row
}

// Run audits what one snapshot shows to one session or two of the auditor's role, read-only transactions with the same snapshot for all their
// statements: two are faster, and one that rests uses one. The report is what was found, also where an error says that not all could be read.
func Run(ctx context.Context, o Options, sources ...Source) (*Report, error) {
	if o.Rest != nil {
		sources = sources[:1]
	}
	s := &state{
		Options: o, touched: make(map[string]bool), refunded: make(map[string]bool),
		checkpoint: Checkpoint{Form: checkpointForm, At: o.Now, Chains: []PinnedChain{}, Logs: []PinnedLog{}, Closings: []PinnedClosing{}},
		report:     &Report{Findings: []Finding{}, Counts: map[Kind]int64{}, Skipped: []string{}, Contracts: []Compared{}},
	}
	first, second := &auditor{state: s, tx: sources[0], rested: time.Now()}, &auditor{state: s, tx: sources[len(sources)-1], rested: time.Now()}
	if err := first.prepare(ctx); err != nil {
		return s.report, err
	}
	var err error
	switch {
	case o.Terminal != "":
		s.skip("all but the records of terminal " + o.Terminal)
		err = first.run(ctx, part{"records", first.records})
	case o.Customer != "":
		s.skip("all but the entries of the customer, as their records are: whether those are intact is for an audit of all")
		err = first.run(ctx, part{"customers", first.customers})
	case o.Since != nil || len(sources) == 1: // what has come since is known from the records
		if o.Since != nil {
			s.skip("what was recorded before " + o.Since.At.UTC().Format(time.RFC3339) + ": only a full audit clears that")
		}
		if err = first.run(ctx, part{"records", first.records}); err == nil {
			err = first.others(ctx)
		}
	default:
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return first.run(ctx, part{"records", first.records}) })
		group.Go(func() error { return second.others(ctx) })
		err = group.Wait()
	}
	if err != nil {
		s.report.settle()
		return s.report, err
	}
	if o.Terminal == "" && o.Customer == "" {
		slices.SortFunc(s.checkpoint.Chains, func(x, y PinnedChain) int { return strings.Compare(x.TerminalID, y.TerminalID) })
		slices.SortFunc(s.checkpoint.Closings, func(x, y PinnedClosing) int { return strings.Compare(x.TerminalID, y.TerminalID) })
		s.report.Checkpoint = &s.checkpoint
	}
	s.report.settle()
	return s.report, nil
}

// prepare reads what all parts need.
func (a *auditor) prepare(ctx context.Context) error {
	var (
		jwks         []string
		unpromisedUS int64
	)
	if err := a.tx.QueryRow(ctx, keysSQL).Scan(&jwks, &unpromisedUS); err != nil {
		return failed("audit.promise_key", err)
	}
	a.keys = intact.KeysOf(jwks, unpromisedUS)
	if a.report.Keys = kids(jwks); a.Keys != nil {
		a.published(a.report.Keys)
	}
	return failed("audit.terminal", a.tx.QueryRow(ctx, recordsCountSQL).Scan(&a.all))
}

// published has promises checked by the published keys alone, and names each other one that the database has.
func (a *auditor) published(kids []string) {
	a.keys.Published = *a.Keys
	for _, kid := range kids {
		if !slices.ContainsFunc(a.Keys.Keys, func(j promise.JWK) bool { return j.Kid == kid }) {
			a.found(Finding{Kind: KeyUnpublished, Detail: fmt.Sprintf("key %q of the database is none that the shop has published", kid)})
		}
	}
}

// kids are the names of keys, in order.
func kids(jwks []string) []string {
	all := []string{}
	for _, text := range jwks {
		var key struct {
			Kid string `json:"kid"`
		}
		if json.Unmarshal([]byte(text), &key) == nil {
			all = append(all, printable(key.Kid))
		}
	}
	slices.Sort(all)
	return all
}

// part is a part of an audit.
type part struct {
	name string
	run  func(context.Context) error
}

// others runs all parts but the records.
func (a *auditor) others(ctx context.Context) error {
	return a.run(ctx, part{"customers", a.customers}, part{"refunds", a.refunds}, part{"closings", a.closings}, part{"batches", a.allBatches},
		part{"the chain", a.onChain}, part{"what is not anchored", a.unanchored})
}

func (a *auditor) run(ctx context.Context, parts ...part) error {
	for _, p := range parts {
		a.part = p.name
		if err := p.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// auditor is a session that goes through parts of an audit.
type auditor struct {
	*state

	tx     Source
	part   string
	rested time.Time // the end of its last rest
}

// state is one audit on its way.
type state struct {
	Options

	keys        intact.Keys
	rules       map[string]*loyalty.Rules // by version
	all         int64                     // records, about
	deployments []*deployment
	checkpoint  Checkpoint

	// Of an audit since a checkpoint, what has come since.
	touched  map[string]bool // customers
	refunded map[string]bool // sales

	checked atomic.Int64 // for how long records were checked since the last rest, in nanoseconds

	mu     sync.Mutex // guards findings, what is skipped, and Progress
	report *Report
}

func (a *state) found(f Finding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.found(f)
}

// skip notes what was not checked, and of which kinds nothing is known therefore.
func (a *state) skip(what string, unknown ...Kind) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.report.Skipped = append(a.report.Skipped, printable(what))
	a.report.Unknown = append(a.report.Unknown, unknown...)
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
	if err := rows.Err(); err != nil {
		return failed(view, err)
	}
	rows.Close()
	return a.rest(ctx)
}

// rest rests after work, where the audit is to.
func (a *auditor) rest(ctx context.Context) error {
	if a.Rest == nil {
		return nil
	}
	worked := time.Since(a.rested) + time.Duration(a.checked.Swap(0))
	err := a.Rest(ctx, worked)
	a.rested = time.Now()
	return err
}

// page is how many rows one statement reads: fewer where the audit rests between them.
func (a *auditor) page(rows int) int {
	const fewer = 10
	if a.Rest != nil {
		return rows / fewer
	}
	return rows
}

// partRecords is how many records one statement goes through that looks at all of them, where the audit rests between parts.
var partRecords = 5000

// parts calls do with the bounds of each part of the records from a time on, in Unix microseconds, both included: one part where the audit does not rest.
func (a *auditor) parts(ctx context.Context, from int64, do func(from, to int64) error) error {
	for {
		to := int64(math.MaxInt64)
		if a.Rest != nil {
			if err := a.tx.QueryRow(ctx, partSQL, from, partRecords).Scan(&to); err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return failed("audit.sale", err)
			}
		}
		if err := do(from, to); err != nil || to == math.MaxInt64 {
			return err
		}
		from = to + 1
	}
}

// progressEvery is how many rows pass between two calls of Progress.
const progressEvery = 1000

func (a *auditor) progress(n int64) {
	if a.Progress != nil && n%progressEvery == 0 {
		a.mu.Lock()
		defer a.mu.Unlock()
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
