// Package wait lets time pass for loops that try again.
package wait

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pause waits for d; it reports false when ctx ends first.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Jitter spreads d by ±25 %, so that replicas don't try again in step.
func Jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1) //nolint:gosec // it spreads retries and is not a secret
}
