// Command dev runs the whole engine on one machine: `make run`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/tillseal/tillseal/infra/tools/internal/engine"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

// memoryLimitBytes keeps an idle engine small: four services, NATS and a go-ethereum node share the process.
const memoryLimitBytes = 400 << 20

func main() {
	debug.SetMemoryLimit(memoryLimitBytes)
	lifecycle.Main("dev", "runs the whole engine on this machine, with its data under RUN_DIR", run)
}

func run(ctx context.Context, cfg engine.Config) error {
	cfg.Environ, cfg.Progress = os.Environ(), os.Stdout
	e, err := engine.Start(ctx, cfg)
	if err != nil {
		return err
	}
	err = serve(ctx, e)
	say("stopping: what was accepted is answered first")
	err = errors.Join(err, e.Close(ctx))
	if err == nil {
		say("stopped; make run goes on from here")
	}
	return err
}

func serve(ctx context.Context, e *engine.Engine) error {
	demonstrated := make(chan error, 1)
	go func() { demonstrated <- e.Demonstrate(ctx, os.Stdout) }()
	for {
		select {
		case err := <-demonstrated:
			if err != nil && ctx.Err() == nil {
				return err
			}
			demonstrated = nil
		case err := <-e.Failed():
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func say(line string) { _, _ = fmt.Fprintln(os.Stdout, line) } // a closed terminal is no failure
