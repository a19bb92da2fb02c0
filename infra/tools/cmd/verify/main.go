// Command verify checks the proof of a sale against the chain.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := verify.Main(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
