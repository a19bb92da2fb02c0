// Package bench measures the gateway against pgbench, which does the same logical work one sale at a time on the same
// Postgres, and the whole engine's time from a till's answer to the sale's leaf. All servers are its own, in a temporary directory
// and on loopback; the runs take turns, so that a noisy machine is noisy for all of them, and medians are compared.
package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// number is for rates, ratios and times; no money here.
type number = float64 //nolint:forbidigo // see above

// Limits of one measurement.
const (
	maxSeconds  = 120
	maxRounds   = 9
	maxPreload  = 20_000_000
	maxOpenRate = 20_000
	maxSpread   = 1_000_000
	terminals   = 200 // in one store, each as fast as it likes
)

// Config says how long and how much is measured.
type Config struct {
	Seconds  int    // of each run
	WarmUp   int    // seconds before each run that do not count
	Rounds   int    // each figure is the median of so many runs
	OpenRate int    // sales a second of the open loop
	Spread   int    // customers that spread sales are spread over
	Preload  int    // sales that one database holds before; 0: that figure is left out
	Only     string // runs whose name has this in it; "": all
	JSON     string // file for the figures; "": none
	Profile  string // directory for the gateway's CPU profiles, one a run; "": none

	Out io.Writer // progress and the table
}

// Parse reads a command line. The error is flag.ErrHelp when help was asked for.
func Parse(args []string, out io.Writer) (Config, error) {
	c := Config{Out: out}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(out)
	f.IntVar(&c.Seconds, "seconds", 5, "length of each run")
	f.IntVar(&c.WarmUp, "warmup", 2, "seconds before each run that do not count")
	f.IntVar(&c.Rounds, "rounds", 3, "runs of each kind, in turn; medians are shown")
	f.IntVar(&c.OpenRate, "rate", 1000, "sales a second of the open loop")
	f.IntVar(&c.Spread, "customers", 100_000, "customers that the spread runs draw from")
	f.IntVar(&c.Preload, "preload", 0, "compare a database that holds so many sales with an empty one, such as 5000000 (takes minutes and about 2 kB a sale)")
	f.StringVar(&c.Only, "only", "", "only runs whose name contains this, such as hot")
	f.StringVar(&c.JSON, "json", "", "write the figures to this file")
	f.StringVar(&c.Profile, "profile", "", "write the gateway's CPU profile of each run into this directory")
	f.Usage = func() {
		_, _ = fmt.Fprintln(out, "bench measures the gateway against pgbench on this machine, with servers of its own that end with it.\n"+
			"Run it while nothing else does.")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q; -help lists the flags", f.Arg(0))
	}
	return c, c.Check()
}

// Check names the flag that is wrong.
func (c Config) Check() error {
	var errs []error
	within := func(name string, value, low, high int) {
		if value < low || value > high {
			errs = append(errs, fmt.Errorf("-%s must be between %d and %d", name, low, high))
		}
	}
	within("seconds", c.Seconds, 1, maxSeconds)
	within("warmup", c.WarmUp, 0, maxSeconds)
	within("rounds", c.Rounds, 1, maxRounds)
	within("rate", c.OpenRate, 1, maxOpenRate)
	within("customers", c.Spread, 1, maxSpread)
	within("preload", c.Preload, 0, maxPreload)
	return errors.Join(errs...)
}

func (c Config) length() time.Duration { return time.Duration(c.Seconds) * time.Second }
func (c Config) warmUp() time.Duration { return time.Duration(c.WarmUp) * time.Second }

func (c Config) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Out, format+"\n", args...) // progress nobody can read is no failure
}
