// Command tidy holds the tree to the house rules; make lint runs it first.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/tillseal/tillseal/infra/tools/internal/tidy"
)

func main() {
	count, err := tidy.Run(context.Background(), ".", tidy.House, os.Stdout)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "tidy:", err)
	}
	if err != nil || count > 0 {
		os.Exit(1)
	}
}
