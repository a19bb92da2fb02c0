package promise

import (
	"fmt"
	"time"
)

// Limits of PROMISE_WITHIN, which the gateway promises, the anchor plans for and the ledger watches.
const (
	MinWithin = time.Second
	MaxWithin = 366 * 24 * time.Hour
)

// CheckWithin refuses a time that nobody can keep, or wait for. Its error names the variable.
func CheckWithin(variable string, within time.Duration) error {
	if within < MinWithin || within > MaxWithin {
		return fmt.Errorf("%s must be between %s and %s", variable, MinWithin, MaxWithin)
	}
	return nil
}

// AnchorBy is the anchor_by of a promise: iat and anchor_by are whole seconds.
func AnchorBy(recordedAt time.Time, within time.Duration) time.Time {
	return time.Unix(recordedAt.Unix()+int64(within/time.Second), 0)
}
