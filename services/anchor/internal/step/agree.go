package step

import (
	"fmt"
	"slices"
)

// Weight is how many nodes must lead to the same step before it is done.
type Weight int

// One node's word is enough for what the next check corrects. What costs money again, or changes where the journal has a batch, takes
// most of the nodes that have the block, so that the anchor goes on while others are unavailable. What no later check can undo takes
// most of those in WEB3_PROVIDER.
const (
	One Weight = iota
	MostPresent
	MostConfigured
)

// WeightOf is how many nodes a step needs.
func WeightOf(s Step) Weight {
	switch s := s.(type) {
	case Halt, Final, Deploy:
		return MostConfigured
	case Mined, Reorged:
		return MostPresent
	case Sign:
		if len(s.Batch.Attempts) > 0 {
			return MostPresent
		}
	}
	return One
}

// Agree reports whether another node's step confirms one.
func Agree(own, other Step) bool {
	switch own := own.(type) {
	case Halt:
		_, same := other.(Halt)
		return same
	case Final:
		o, same := other.(Final) // read later, so that more may be final there
		return same && len(o.Batches) >= len(own.Batches) && slices.EqualFunc(own.Batches, o.Batches[:len(own.Batches)], sameBatch)
	case Reorged:
		o, same := other.(Reorged)
		return same && slices.Equal(own.BatchIDs, o.BatchIDs)
	case Sign:
		o, same := other.(Sign)
		return same && o.Batch.ID == own.Batch.ID && o.Nonce == own.Nonce && (o.Replaces == nil) == (own.Replaces == nil)
	case Mined, Deploy:
		return own == other
	}
	return true
}

func sameBatch(a, b Batch) bool { return a.ID == b.ID }

// Unconfirmed is the doubt that replaces a step when too few nodes lead to it at a block of that height.
func Unconfirmed(s Step, head uint64) Doubt {
	if halt, ok := s.(Halt); ok {
		return Doubt{Reason: "not most of the configured nodes agree: " + halt.Reason}
	}
	return Doubt{Reason: fmt.Sprintf("too few nodes confirm at block %d what would lead to %T", head, s)}
}

// haltOnlyIf stops nothing over a block that not most of the configured nodes have: witnesses need not be asked then.
func haltOnlyIf(sure bool, next Step, head uint64) Step {
	if _, halt := next.(Halt); halt && !sure {
		return Unconfirmed(next, head)
	}
	return next
}
