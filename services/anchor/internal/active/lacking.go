package active

import (
	"time"

	"github.com/tillseal/tillseal/services/anchor/internal/step"
)

// lacksGap is how far apart two checks of this replica may be and still count as consecutive: beyond that others acted in between.
const lacksGap = 5 * time.Minute

// lacking follows since when the contract holds fewer batches than are final.
type lacking struct{ first, last time.Time }

// since is when the lack began, zero when the last check had none or is too long ago.
func (l *lacking) since(now time.Time) time.Time {
	if now.Sub(l.last) > lacksGap {
		l.first = time.Time{}
	}
	return l.first
}

// note takes what a check led to.
func (l *lacking) note(next step.Step, now time.Time) {
	l.first, l.last = step.LacksSince(l.first, next, now), now
}
