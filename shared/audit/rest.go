package audit

import (
	"context"
	"time"

	"github.com/tillseal/tillseal/shared/wait"
)

// restAtLeast is the shortest rest: what is owed of shorter ones adds up.
const restAtLeast = 10 * time.Millisecond

// restAtMost is the longest rest at once: a session that waits for longer may be ended by the server. What is still owed is rested later.
const restAtMost = time.Minute

// QuarterCore is the part of OnePart that takes a quarter of a core, the database's session included: measured, an audit at work takes up to one and
// a quarter.
const QuarterCore = 5

// OnePart makes an Options.Rest that lets an audit work for one part of the time and rest for the others.
func OnePart(of int) func(ctx context.Context, worked time.Duration) error {
	owed := time.Duration(0)
	return func(ctx context.Context, worked time.Duration) error {
		owed += worked * time.Duration(of-1)
		if owed < restAtLeast {
			return ctx.Err()
		}
		began := time.Now()
		if !wait.Pause(ctx, min(owed, restAtMost)) {
			return ctx.Err()
		}
		owed -= time.Since(began) // a timer is late at times
		return nil
	}
}
