// Command tillseal is what a shop's staff does with its records: tillseal --help lists it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/tillseal/tillseal/infra/tools/internal/tillseal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends a program that waits for whoever reads its output
	code := tillseal.Main(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
