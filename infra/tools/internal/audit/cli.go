// Package audit is the command by which anybody with the auditor's role checks that nothing of a shop's records was altered.
package audit

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/config"
)

// Exit codes of the command.
const (
	exitClean    = 0
	exitFindings = 1
	exitFailed   = 2   // wrong usage, or the audit could not be completed
	exitStopped  = 130 // by a signal, as shells have it for SIGINT
)

const sayEvery = 2 * time.Second // about the progress

const usage = `tillseal audit: finds what was altered, removed, added or left out of a shop's records.

  tillseal audit [-rpc URL[,URL]] [flags]

It reads the views for auditors alone, and asks nodes of yours for what the contract has. It checks
  each record   its hash, its promise by the shop's published keys, its answer, and what the till sent
  each chain    that each number of a terminal is there once, and names the record before it
  each customer that entries, balances and purchase numbers follow from the records, and the points from the rules of their version
  each refund   that the refunds of a sale never come to more than the sale, and take back its share of the points
  each batch    its leaves, amounts, root, and the log of all batches
  the chain     that the contract's log at a finalized block is the one that the batches come to, and otherwise the first that differs
  and names what stands in no mined batch though its time has come, and which promises are broken.

Flags:
  -rpc URL         JSON-RPC nodes of yours, comma-separated; WEB3_PROVIDER without it. Without either the chain is not asked, and that is said
  -contract 0x…    the contracts that the shop has published, comma-separated. Without it compare those that are named at the end yourself
  -jwks FILE|URL   the keys that the shop has published, such as https://shop.example/.well-known/jwks.json. Without it the database's are believed, and
                   named at the end for you to compare
  -within 1h       how long a record may wait for a mined batch before it is named
  -json FILE       writes the report as JSON too; - for standard output
  -checkpoint FILE writes what this audit saw, to begin the next one there: keep it away from the shop. It is written when nothing was found
  -since FILE      checks only what came after such a checkpoint, and that what it saw still stands. Only an audit without it clears older records
  -terminal t1     checks the records of one terminal alone, with all its series
  -customer C-1001 checks the entries of one customer alone

Findings go to standard output, one a line, by ids; progress and a summary to standard error.

Exit code 0: nothing was found. 1: something was. 2: it could not be completed. 130: stopped by a signal.

It reads the environment (make run writes both into .run/env):
`

// Config is what the command reads from the environment.
type Config struct {
	DBURL    config.Secret `env:"DB_URL,required,notEmpty" doc:"the auditor's role in Postgres, such as postgres://auditor@127.0.0.1:5432/tillseal"`
	Provider config.Secret `env:"WEB3_PROVIDER" doc:"Ethereum JSON-RPC URLs, comma-separated, where -rpc is not given; never shown"`
}

// Check names each variable that is wrong.
func (c Config) Check() error { return config.CheckPostgresURL("DB_URL", c.DBURL) }

// Main is the command: it returns its exit code.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	say := func(format string, values ...any) {
		_, _ = fmt.Fprintf(stderr, "tillseal audit: "+format+"\n", values...) // nobody is left to report a failure to
	}
	req, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		config.Describe[Config](stdout)
		return exitClean
	case err != nil:
		say("%v; see --help", err)
		return exitFailed
	}
	cfg, err := config.Load[Config](environ)
	if err != nil {
		say("%v", err)
		return exitFailed
	}
	began := time.Now()
	report, err := run(ctx, req, cfg, say)
	switch {
	case err != nil && ctx.Err() != nil:
		say("stopped: nothing is known of the rest")
		return exitStopped
	case err != nil && (report == nil || report.Clean()):
		say("not completed: %v", err)
		return exitFailed
	}
	if err := req.write(report, stdout); err != nil {
		say("%v", err)
		return exitFailed
	}
	for _, skipped := range report.Skipped {
		say("not checked: %s", skipped)
	}
	for _, c := range report.Contracts {
		say("contract %s on chain %s has %d batches at block %d", c.Contract, c.ChainID, c.Batches, c.Block)
	}
	took := time.Since(began)
	say("%d records, %d entries, %d closings and %d batches in %s (%d records/s)",
		report.Records, report.Entries, report.Closings, report.Batches, took.Round(time.Millisecond), report.Records*int64(time.Second)/max(int64(took), 1))
	for _, kid := range report.Keys {
		if req.jwks == "" {
			say("promises were checked by key %s of the database: compare it with what the shop has published", kid)
		}
	}
	if err != nil {
		say("not completed: %v", err)
	}
	if !report.Clean() {
		for _, kind := range report.Kinds() {
			say("%d × %s", report.Counts[kind], kind)
		}
		return exitFindings
	}
	say("nothing was found")
	return exitClean
}

func run(ctx context.Context, req request, cfg Config, say func(string, ...any)) (*audit.Report, error) {
	o := audit.Options{
		Now: time.Now(), AnchoredWithin: req.within, Published: req.contracts, Since: req.since, Terminal: req.terminal, Customer: req.customer,
	}
	var err error
	if o.Keys, err = verify.LoadKeys(ctx, req.jwks, os.Stdin); err != nil {
		return nil, fmt.Errorf("-jwks: %w", err)
	}
	urls := req.rpc
	if urls == "" {
		urls = cfg.Provider
	}
	if urls != "" {
		chain, err := node.DialAll(ctx, urls.Reveal())
		if err != nil {
			return nil, fmt.Errorf("-rpc: %w", err)
		}
		defer chain.Close()
		o.Chain = nodes{chain}
	}
	told := time.Now()
	o.Progress = func(part string, n, of int64) {
		if time.Since(told) < sayEvery {
			return
		}
		told = time.Now()
		if of > 0 {
			say("%s: %d of about %d", part, n, of)
			return
		}
		say("%s: %d", part, n)
	}
	snapshot, err := audit.Open(ctx, cfg.DBURL, o.Chain, audit.Sessions)
	if err != nil {
		return nil, err
	}
	defer snapshot.Close(ctx)
	return snapshot.Audit(ctx, o)
}
