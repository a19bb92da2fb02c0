package stream

import "sync/atomic"

// health is what this replica did with a durable's messages since it started.
type health struct {
	handled, again, parked, reopened atomic.Uint64
	paused                           atomic.Bool
}

// healthOf is the same for each call with a durable's name.
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
