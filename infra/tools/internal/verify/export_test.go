package verify

import (
	"context"
	"io"
	"time"
)

// MainAt is Main at a moment.
func MainAt(ctx context.Context, now time.Time, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return command{ctx, nil, stdin, stdout, stderr, func() time.Time { return now }}.main(args)
}
