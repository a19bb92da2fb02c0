// Command dev runs the whole engine on one machine: `make run`.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/tillseal/tillseal/infra/tools/internal/engine"
	"github.com/tillseal/tillseal/shared/lifecycle"
	"github.com/tillseal/tillseal/shared/local"
)

// memoryLimitBytes keeps an idle engine small: four services, NATS and a go-ethereum node share the process.
const memoryLimitBytes = 400 << 20

func main() {
	debug.SetMemoryLimit(memoryLimitBytes)
	local.TellChainsEnd(os.Stderr)
	lifecycle.Main("dev", "runs the whole engine on this machine, with its data under RUN_DIR", run)
}

func run(ctx context.Context, cfg engine.Config) error {
	cfg.Environ, cfg.Progress = os.Environ(), os.Stdout
	e, err := engine.Start(ctx, cfg)
	if err != nil {
		return err
	}
	demonstrate(ctx, e)
	<-ctx.Done()
	say("stopping: accepted requests are answered first")
	err = e.Close(ctx)
	if err == nil {
		say("stopped; the next make run continues from here")
	}
	return err
}

// demonstrate returns early when ctx ends. Whether or not it succeeds, tills are served.
func demonstrate(ctx context.Context, e *engine.Engine) {
	done := make(chan error, 1)
	go func() { done <- e.Demonstrate(ctx, os.Stdout) }()
	select {
	case err := <-done:
		if err != nil && ctx.Err() == nil {
			say(fmt.Sprintf("the demonstration failed; the engine keeps running: %v", err))
		}
	case <-ctx.Done():
	}
}

func say(line string) { _, _ = fmt.Fprintln(os.Stdout, line) } // a closed terminal is not a failure
