// Package tillseal is the command of that name: what a shop's staff does with its records.
package tillseal

import (
	"context"
	"fmt"
	"io"

	"github.com/tillseal/tillseal/infra/tools/internal/audit"
	"github.com/tillseal/tillseal/infra/tools/internal/export"
)

// exitUsage is the exit code of a command that there is not.
const exitUsage = 2

// command is one of the program's commands; run returns the exit code.
type command struct {
	name, purpose string
	run           func(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int
}

var commands = []command{
	{"audit", "finds what was altered, removed, added or left out of the records, for anybody with the auditor's role", audit.Main},
	{"export", "writes the records of a closing or a period for an accountant, as CSV or as lines of JSON", export.Main},
}

// Main runs the command that the first argument names, and returns its exit code.
func Main(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		describe(stderr)
		return exitUsage
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(ctx, args[1:], environ, stdout, stderr)
		}
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		describe(stdout)
		return 0
	}
	_, _ = fmt.Fprintf(stderr, "tillseal: there is no command %q; see --help\n", args[0]) // nobody is left to report a failure to
	return exitUsage
}

func describe(to io.Writer) {
	_, _ = fmt.Fprint(to, "tillseal: what a shop's staff does with its records.\n\n")
	for _, c := range commands {
		_, _ = fmt.Fprintf(to, "  tillseal %-8s %s\n", c.name, c.purpose)
	}
	_, _ = fmt.Fprint(to, "\ntillseal <command> --help explains a command.\n")
}
