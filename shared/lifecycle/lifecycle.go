// Package lifecycle starts and stops a service's program.
package lifecycle

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

// Exit codes of a service's program.
const (
	exitFailed  = 1
	exitInvalid = 2 // the settings are wrong: starting again won't help
)

// Command is what a service's program does instead of running the service when its first argument is Name.
type Command struct {
	Name, Purpose string
	// Run does it and returns. An Invalid fault ends the program as wrong settings do, and flag.ErrHelp as --help does; when a signal stops it,
	// it has failed.
	Run func(ctx context.Context, args, environ []string, stdout io.Writer) error
}

// Main runs a service until SIGINT or SIGTERM and exits: its settings come from the environment, --help lists them and the commands.
// A second signal ends the program at once.
func Main[C any](service, purpose string, run func(context.Context, C) error, commands ...Command) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // back to the default action: the second signal kills
	os.Exit(start(ctx, service, purpose, os.Args[1:], os.Environ(), os.Stdout, os.Stderr, run, commands...))
}

func start[C any](
	ctx context.Context, service, purpose string, args, environ []string, stdout, stderr io.Writer, run func(context.Context, C) error, commands ...Command,
) int {
	write := func(w io.Writer, format string, values ...any) { _, _ = fmt.Fprintf(w, format, values...) } // there is nobody left to report an error to
	if len(args) > 0 {
		if args[0] == "--help" || args[0] == "-h" {
			write(stdout, "%s: %s\n", service, purpose)
			list(stdout, service, commands)
			write(stdout, "\nSettings come from the environment:\n")
			config.Describe[C](stdout)
			return 0
		}
		i := slices.IndexFunc(commands, func(c Command) bool { return c.Name == args[0] })
		switch {
		case i >= 0:
			// A command that was stopped has not done what it is for: that is no clean stop, as of a service.
			return exit(context.WithoutCancel(ctx), service+" "+args[0], commands[i].Run(ctx, args[1:], environ, stdout), stderr)
		case len(commands) > 0:
			write(stderr, "%s has no command %q; without one it %s\n", service, args[0], purpose)
			list(stderr, service, commands)
		default:
			write(stderr, "%s takes no arguments; --help lists the variables that it reads\n", service)
		}
		return exitInvalid
	}
	cfg, err := config.Load[C](environ)
	if err == nil {
		err = run(ctx, cfg)
	}
	return exit(ctx, service, err, stderr)
}

// list names the commands, each with its purpose.
func list(w io.Writer, service string, commands []Command) {
	for _, c := range commands {
		_, _ = fmt.Fprintf(w, "\n%s %s: %s; %s %s --help says how\n", service, c.Name, c.Purpose, service, c.Name)
	}
}

// exit is the code that says how it ended.
func exit(ctx context.Context, what string, err error, stderr io.Writer) int {
	code := exitFailed
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp), ctx.Err() != nil && errors.Is(err, context.Canceled):
		return 0
	case fault.Is(err, fault.Invalid):
		code = exitInvalid
	}
	_, _ = fmt.Fprintf(stderr, "%s: %v\n", what, err)
	return code
}
