package stream

import "time"

// Limits of the breaker: it stops pulling while what a handler depends on is away, so that messages don't go round in vain.
const (
	breakerAfter   = 3                      // batches in a row of which nothing could be done; one message that always fails comes alone, among others that do not
	breakerFirst   = 500 * time.Millisecond // the first pause; each failed probe doubles it
	breakerLongest = 10 * time.Second       // so late at most is it seen that the dependency is back
	probeBatch     = 16                     // messages of a probe
)

// breaker decides from what became of each batch when to stop pulling and when to go on. The zero value is closed.
type breaker struct {
	failures int           // batches in a row of which nothing was done
	pause    time.Duration // before the next probe; 0: closed
}

// open reports whether pulling has stopped; the next batch is a probe then.
func (k *breaker) open() bool { return k.pause > 0 }

// saw takes note of a batch by the messages that were acknowledged and those that will come again, and reports whether the
// breaker opened, closed, or stays open for longer.
func (k *breaker) saw(done, again int) (changed bool) {
	if done > 0 || again == 0 {
		changed = k.open()
		*k = breaker{}
		return changed
	}
	if k.open() {
		k.pause = min(2*k.pause, breakerLongest)
		return true
	}
	if k.failures++; k.failures < breakerAfter {
		return false
	}
	k.pause = breakerFirst
	return true
}
