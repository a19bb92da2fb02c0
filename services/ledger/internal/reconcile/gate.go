package reconcile

import "time"

// Hop is one stream with its durable, as a check found them; the durable was read before the stream's end.
type Hop struct {
	Present bool   // both are there
	Last    uint64 // the stream's last sequence
	Done    uint64 // the durable is done with everything up to here
	Waiting uint64 // messages that it is not done with
}

// through reports whether the durable is done with everything up to a sequence. One for which nothing waits is done also with what
// expired or was purged, where its floor may lag for ever.
func (h Hop) through(sequence uint64) bool {
	return h.Present && (h.Waiting == 0 || h.Done >= sequence)
}

// Gate finds the moment up to which nothing is pending: what had entered the first stream by then has left the last one. An idle path
// is clear up to the present after one check; on a busy one something is always pending, and it is clear up to some checks before. A
// message between two streams is in the second by the time that it has left the first. No I/O, no clock.
type Gate struct {
	since  time.Time // the moment that is being followed; zero: none
	hop    int       // which hop it has to leave next
	known  bool      // target is
	target uint64    // the sequence that this hop had reached by then, or later
	last   []uint64
	clear  time.Time
}

// Clear is the moment up to which nothing is pending; the zero time when that is not known.
func (g *Gate) Clear() time.Time { return g.clear }

// See takes the result of a check that began at a time.
func (g *Gate) See(begun time.Time, hops []Hop) {
	if g.since.IsZero() || g.wentBack(hops) {
		g.follow(begun)
	}
	g.note(hops)
	for g.left(hops[g.hop]) {
		if g.hop+1 < len(hops) {
			g.hop, g.known = g.hop+1, false
			continue
		}
		done := g.since
		g.clear = done
		g.follow(begun)
		if done.Equal(begun) { // the path is idle
			return
		}
	}
}

// left reports whether what is followed has left its hop. A hop that is missing gets its target once it is there.
func (g *Gate) left(h Hop) bool {
	if !g.known && h.Present {
		g.target, g.known = h.Last, true
	}
	return g.known && h.through(g.target)
}

// follow starts to follow the moment at which a check began.
func (g *Gate) follow(begun time.Time) { g.since, g.hop, g.known = begun, 0, false }

// wentBack reports whether a stream is shorter than it was: recreated, or replaced by an older copy.
func (g *Gate) wentBack(hops []Hop) bool {
	for i, last := range g.last {
		if hops[i].Present && hops[i].Last < last {
			return true
		}
	}
	return false
}

func (g *Gate) note(hops []Hop) {
	if g.last == nil {
		g.last = make([]uint64, len(hops))
	}
	for i, h := range hops {
		if h.Present {
			g.last[i] = h.Last
		}
	}
}
