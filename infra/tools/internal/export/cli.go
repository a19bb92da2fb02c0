// Package export writes what a closing or a period has in records, for an accountant: as CSV for a spreadsheet, or as lines of JSON for a program.
package export

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/tillseal/tillseal/shared/config"
)

// Exit codes of the command.
const (
	exitWhole   = 0
	exitDoubts  = 1   // all was exported, and not all of it is as it should be
	exitFailed  = 2   // wrong usage, or the records could not be read or written
	exitStopped = 130 // by a signal, as shells have it for SIGINT
)

const usage = `tillseal export: writes records for an accountant, as CSV or as lines of JSON.

  tillseal export -closing t1/7 [flags]
  tillseal export -store s1 [-terminal t1] -from 2026-11-01 -to 2026-12-01 [-zone Asia/Kolkata] [flags]

What:
  -closing t1/7       the records that a till's closing covers; they are compared with what the closing says
  -store s1           the records of a store's tills, in the order of tills and record numbers
  -terminal t1        of one till only, with all its series; t1~2 is one series alone
  -from, -to          recorded at -from or later, and before -to: a day, which begins at midnight, or a time such as
                      2026-11-01T06:00:00+05:30
  -zone Asia/Kolkata  where midnight is; UTC without it

How:
  -format csv|jsonl   csv (RFC 4180, the default), or jsonl: one JSON object a record, with its lines, taxes and tenders
  -what records       of csv, what a row is: records, lines, tenders or taxes
  -out FILE           writes a file, which appears under its name only when it is whole; standard output without it
  -force              replaces FILE if it is there

Examples:
  tillseal export -closing t1/7 -out t1-7.csv
  tillseal export -closing t1/7 -what taxes | cut -d , -f 10,11
  tillseal export -store s1 -from 2026-11-01 -to 2026-12-01 -zone Asia/Kolkata -what lines -out november-lines.csv
  tillseal export -store s1 -terminal t1 -from 2026-11-22 -to 2026-11-23 -format jsonl | jq -r .external_ref

On refunds the amounts and quantities of lines, tenders and taxes are below zero, and so is signed_total: a column's sum is what
a closing says. total is as it was recorded. In CSV a text that a spreadsheet would run as a formula begins with an apostrophe.
JSON has all texts, lines and tenders as the till sent them. Neither has salts, keys, receipts' links or promises.

Every record is checked against its sale_hash, and against the record before it. Progress, warnings and a summary go to standard
error, and nothing but records to standard output.

Exit code 0: exported. 1: exported, but a record was altered, or the records don't come to what the closing says; standard error
says which. 2: wrong usage, or nothing could be exported. 130: stopped by a signal; no file is left.

It reads the environment (make run writes DB_URL into .run/env):
`

// Config is what the command reads from the environment.
type Config struct {
	DBURL config.Secret `env:"DB_URL,required,notEmpty" doc:"the auditor's role in Postgres, such as postgres://auditor@127.0.0.1:5432/tillseal"`
}

// Check names each variable that is wrong.
func (c Config) Check() error { return config.CheckPostgresURL("DB_URL", c.DBURL) }

// Main is the command: it returns its exit code.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	say := func(format string, values ...any) {
		_, _ = fmt.Fprintf(stderr, "tillseal export: "+format+"\n", values...) // nobody is left to report a failure to
	}
	req, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stdout, usage)
		config.Describe[Config](stdout)
		return exitWhole
	case err != nil:
		say("%v; see --help", err)
		return exitFailed
	}
	cfg, err := config.Load[Config](environ)
	if err != nil {
		say("%v", err)
		return exitFailed
	}
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	x := exporter{say: say, tick: ticker.C, totals: newTally()}
	err = x.run(ctx, req, cfg, stdout)
	switch {
	case err != nil && ctx.Err() != nil: // whatever was interrupted, the cause is the signal
		say("stopped after %d records", x.totals.records)
		return exitStopped
	case err != nil:
		say("%v", err)
		return exitFailed
	}
	say("%v", &x.totals)
	if x.doubts > 0 {
		say("%d warnings: what was exported is not all as it should be", x.doubts)
		return exitDoubts
	}
	return exitWhole
}
