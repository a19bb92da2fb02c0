// Package lifecycle starts and stops a service's program.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

// Exit codes of a service's program.
const (
	exitFailed  = 1
	exitInvalid = 2 // the settings are wrong: starting again won't help
)

// Main runs a service until SIGINT or SIGTERM and exits: its settings come from the environment, --help lists them.
// A second signal ends the program at once.
func Main[C any](service, purpose string, run func(context.Context, C) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // back to the default action: the second signal kills
	os.Exit(start(ctx, service, purpose, os.Args[1:], os.Environ(), os.Stdout, os.Stderr, run))
}

func start[C any](ctx context.Context, service, purpose string, args, environ []string, stdout, stderr io.Writer, run func(context.Context, C) error) int {
	write := func(w io.Writer, format string, values ...any) { _, _ = fmt.Fprintf(w, format, values...) } // there is nobody left to report an error to
	if len(args) > 0 {
		if args[0] == "--help" || args[0] == "-h" {
			write(stdout, "%s: %s\n\nSettings come from the environment:\n", service, purpose)
			config.Describe[C](stdout)
			return 0
		}
		write(stderr, "%s takes no arguments; --help lists the variables that it reads\n", service)
		return exitInvalid
	}
	cfg, err := config.Load[C](environ)
	if err == nil {
		err = run(ctx, cfg)
	}
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return 0
	case fault.Is(err, fault.Invalid):
		write(stderr, "%s: %v\n", service, err)
		return exitInvalid
	default:
		write(stderr, "%s: %v\n", service, err)
		return exitFailed
	}
}
