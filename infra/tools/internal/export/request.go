package export

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // -zone, on machines without the zones' files

	"github.com/tillseal/tillseal/shared/sale"
)

// request is what is to be exported, and how.
type request struct {
	chain   string // with closing
	closing int64  // 0: a period

	store, terminal string
	from, to        int64 // Unix microseconds, to itself excluded

	format, what string
	out          string // "" for standard output
	force        bool
}

// Names of formats, and of the tables that CSV has.
const (
	formatCSV   = "csv"
	formatJSONL = "jsonl"

	whatRecords = "records"
)

var whats = []string{whatRecords, "lines", "tenders", "taxes"}

// parse reads the flags; an error names the flag and what is expected. It is flag.ErrHelp for --help.
func parse(args []string) (request, error) {
	var r request
	flags := flag.NewFlagSet("export", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	closing, from, to, zone := flags.String("closing", "", ""), flags.String("from", "", ""), flags.String("to", "", ""), flags.String("zone", "UTC", "")
	flags.StringVar(&r.store, "store", "", "")
	flags.StringVar(&r.terminal, "terminal", "", "")
	flags.StringVar(&r.format, "format", formatCSV, "")
	flags.StringVar(&r.what, "what", whatRecords, "")
	flags.StringVar(&r.out, "out", "", "")
	flags.BoolVar(&r.force, "force", false, "")
	if err := flags.Parse(args); err != nil {
		return r, err
	}
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case flags.NArg() > 0:
		return r, fmt.Errorf("%q is not expected: everything is given by flags", flags.Arg(0))
	case r.format != formatCSV && r.format != formatJSONL:
		return r, fmt.Errorf("-format must be csv or jsonl, not %q", r.format)
	case !slices.Contains(whats, r.what):
		return r, fmt.Errorf("-what must be one of %s, not %q", strings.Join(whats, ", "), r.what)
	case r.format == formatJSONL && r.what != whatRecords:
		return r, fmt.Errorf("-what %s is a table of csv: in jsonl each record has its lines, taxes and tenders", r.what)
	case r.force && r.out == "":
		return r, errors.New("-force needs -out: it says that the file may be replaced")
	case given["out"] && r.out == "":
		return r, errors.New("-out must be the name of a file; standard output is written to without it")
	case !given["closing"]:
		return r, r.period(*from, *to, *zone)
	}
	for _, name := range []string{"store", "terminal", "from", "to", "zone"} {
		if given[name] {
			return r, fmt.Errorf("-closing and -%s don't go together: a closing has its terminal and its records", name)
		}
	}
	return r, r.named(*closing)
}

// named reads the name of a closing, such as t1~2/7.
func (r *request) named(closing string) (err error) {
	chain, number, ok := strings.Cut(closing, "/")
	r.chain = chain
	if r.closing, err = strconv.ParseInt(number, 10, 64); !ok || err != nil || r.closing < 1 || !validChain(chain) {
		return fmt.Errorf("-closing must be a terminal and the number of its closing, such as t1/7, not %q", closing)
	}
	return nil
}

// validChain takes a terminal, or one of its series.
func validChain(name string) bool {
	terminal, series, hasSeries := strings.Cut(name, "~")
	n, err := strconv.ParseInt(series, 10, 64)
	return sale.ValidPlaceID(terminal) && (!hasSeries || err == nil && sale.Chain(terminal, n) == name)
}

func (r *request) period(from, to, zone string) error {
	switch {
	case r.store == "":
		return errors.New("-closing or -store is missing: either names what is exported, such as -closing t1/7 or -store s1")
	case !sale.ValidPlaceID(r.store):
		return fmt.Errorf("-store must be a store's id, such as s1, not %q", r.store)
	case r.terminal != "" && !validChain(r.terminal):
		return fmt.Errorf("-terminal must be a terminal's id, such as t1, or one of its series, such as t1~2, not %q", r.terminal)
	}
	in, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" { // which would be the machine's
		return fmt.Errorf("-zone must be a time zone of the IANA's, such as Asia/Kolkata, not %q", zone)
	}
	if r.from, err = moment("from", from, in); err != nil {
		return err
	}
	if r.to, err = moment("to", to, in); err != nil {
		return err
	}
	if r.to <= r.from {
		return fmt.Errorf("-to must be later than -from: %s is not later than %s", to, from)
	}
	return nil
}

// moment reads a day, which begins at midnight in a zone, or a time, as Unix microseconds. A finer time is that of the microsecond after it, since
// records have none between.
func moment(name, value string, in *time.Location) (int64, error) {
	at, err := time.ParseInLocation(time.DateOnly, value, in)
	if err == nil {
		at = beginning(at, value)
	} else {
		at, err = time.Parse(time.RFC3339Nano, value)
	}
	if value == "" {
		return 0, fmt.Errorf("-%s is missing: a period has a beginning and an end, such as -from 2026-11-01 -to 2026-12-01", name)
	}
	if err != nil {
		return 0, fmt.Errorf("-%s must be a day such as 2026-11-01, or a time such as 2026-11-01T06:00:00+05:30, not %q", name, value)
	}
	return at.Add(time.Microsecond - 1).UnixMicro(), nil
}

// beginning is the first moment of a day, of which at is midnight as time.ParseInLocation reads it. Where clocks are put forward at midnight, there
// is none, and that is a moment of the day before or the first of the day; where they are put back to it, it may be the second.
func beginning(at time.Time, day string) time.Time {
	start, end := at.ZoneBounds()
	switch {
	case at.Format(time.DateOnly) < day:
		return end
	case !start.IsZero():
		_, before := start.Add(-1).Zone()
		_, after := at.Zone()
		if first := at.Add(time.Duration(after-before) * time.Second); first.Before(start) {
			return first
		}
	}
	return at
}
