package stream

import "time"

// Limits of the breaker: it stops pulling while a dependency of the handler is unavailable, so that messages are not redelivered in vain.
const (
	breakerAfter   = 3                      // batches in a row without one success; a message that always fails is among others that succeed
	breakerFirst   = 500 * time.Millisecond // the first pause; each failed probe doubles it
	breakerLongest = 10 * time.Second       // the longest that a recovered dependency goes unnoticed
	probeBatch     = 16                     // messages of a probe
)

// breaker decides from each batch's outcome when to stop pulling and when to go on. The zero value is closed.
type breaker struct {
	failures int           // batches in a row without one success
	pause    time.Duration // before the next probe; 0: closed
}

// open reports whether pulling has stopped; the next batch is a probe then.
func (k *breaker) open() bool { return k.pause > 0 }

// saw counts a batch's acknowledged messages and those that will be delivered again, and reports whether the breaker opened, closed, or
// stays open for longer.
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
