// Command bench measures the gateway against pgbench: `make bench`. It is never part of CI.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/tillseal/tillseal/infra/tools/internal/bench"
)

func main() {
	if code, was := bench.Child(); was {
		os.Exit(code)
	}
	os.Exit(run())
}

func run() int {
	cfg, err := bench.Parse(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := bench.Run(ctx, cfg); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}
