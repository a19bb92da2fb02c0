package stream

import "sync/atomic"

// health counts what this replica did with a durable's messages since it started.
type health struct {
	handled, again, parked, reopened atomic.Uint64
	paused                           atomic.Bool
}

// healthOf returns the one health of a durable.
func (b *Bus) healthOf(durable string) *health {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, known := b.health[durable]
	if !known {
		h = &health{}
		b.health[durable] = h
	}
	return h
}
