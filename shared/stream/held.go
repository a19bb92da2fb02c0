package stream

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/wait"
)

// held are the messages that a subscription has received and not finished: all of them are kept from being delivered again, not only the
// batch that is being handled.
type held struct {
	mu    sync.Mutex
	since map[uint64]taken // by sequence in the stream
	done  []uint64         // the sequences that were acknowledged last, a ring
	next  int
	was   map[uint64]int // how often a sequence is in done
}

type taken struct {
	msg jetstream.Msg
	at  time.Time
}

// newHeld remembers twice as many acknowledged messages as can be in flight.
func newHeld(maxBatch int) *held {
	return &held{since: make(map[uint64]taken), done: make([]uint64, 2*inFlight*maxBatch), was: make(map[uint64]int)}
}

// take reports whether a message is to be handled. One that waited for longer than ackWait in the client's own buffer, where we can't see
// it, is delivered a second time: it is not handled while the first copy is still held, nor when that one was done, whose acknowledgement
// came too late then, or was lost.
func (h *held) take(msg jetstream.Msg) (mine, done bool) {
	meta, err := msg.Metadata()
	if err != nil {
		return true, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	at := meta.Sequence.Stream
	_, twice := h.since[at]
	switch again := meta.NumDelivered > 1; {
	case again && h.was[at] > 0:
		return false, true
	case again && twice:
		return false, false
	}
	h.since[at] = taken{msg, time.Now()}
	return true, false
}

// drop forgets a message that was given back, parked or acknowledged.
func (h *held) drop(msg jetstream.Msg, acknowledged bool) {
	meta, err := msg.Metadata()
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	at := meta.Sequence.Stream
	delete(h.since, at)
	if !acknowledged {
		return
	}
	if old := h.done[h.next]; h.was[old] > 1 {
		h.was[old]--
	} else {
		delete(h.was, old)
	}
	h.done[h.next] = at
	h.was[at]++
	h.next = (h.next + 1) % len(h.done)
}

// keep reports the messages that are held for a while to the server as in progress, until ctx ends.
func (h *held) keep(ctx context.Context) {
	ticker := time.NewTicker(wait.Jitter(inProgress))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, msg := range h.longer(now) {
				_ = msg.InProgress() // else it is delivered again, which is harmless
			}
		}
	}
}

// longer are the messages that have been held for half of inProgress.
func (h *held) longer(now time.Time) (msgs []jetstream.Msg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.since {
		if now.Sub(t.at) >= inProgress/2 {
			msgs = append(msgs, t.msg)
		}
	}
	return msgs
}
