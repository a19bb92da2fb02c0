package step

import (
	"fmt"
	"slices"
)

// Weight is how many nodes must lead to the same step before it is done.
type Weight int

// One node's word is enough for what the next look mends. What costs money again, or rewrites where a batch is, takes most of the
// nodes that have the block, so that the anchor goes on while others are away. What no later look can undo takes most of those in
// WEB3_PROVIDER.
const (
	One Weight = iota
	MostPresent
	MostConfigured
)

// WeightOf says how many nodes a step needs.
func WeightOf(s Step) Weight {
	switch s := s.(type) {
	case Halt, Finish, Deploy:
		return MostConfigured
	case Settle, Unsettle:
		return MostPresent
	case Sign:
		if len(s.Batch.Attempts) > 0 {
			return MostPresent
		}
	}
	return One
}

// Agree reports whether another node's step bears one out.
func Agree(own, other Step) bool {
	switch own := own.(type) {
	case Halt:
		_, same := other.(Halt)
		return same
	case Finish:
		o, same := other.(Finish) // read later, so that more may be final there
		return same && len(o.Batches) >= len(own.Batches) && slices.EqualFunc(own.Batches, o.Batches[:len(own.Batches)], sameBatch)
	case Unsettle:
		o, same := other.(Unsettle)
		return same && slices.Equal(own.BatchIDs, o.BatchIDs)
	case Sign:
		o, same := other.(Sign)
		return same && o.Batch.ID == own.Batch.ID && o.Nonce == own.Nonce && (o.Replaces == nil) == (own.Replaces == nil)
	case Settle, Deploy:
		return own == other
	}
	return true
}

func sameBatch(a, b Batch) bool { return a.ID == b.ID }

// Unconfirmed is the doubt that takes the place of a step which too few nodes lead to at a block of that height.
func Unconfirmed(s Step, head uint64) Doubt {
	if halt, ok := s.(Halt); ok {
		return Doubt{Reason: "fewer than most of the configured nodes say so: " + halt.Reason}
	}
	return Doubt{Reason: fmt.Sprintf("too few nodes show at block %d what leads to a %T", head, s)}
}

// haltOnlyIf lets nothing stop for a block that fewer than most of the configured nodes have: witnesses need not be asked then.
func haltOnlyIf(sure bool, next Step, head uint64) Step {
	if _, halt := next.(Halt); halt && !sure {
		return Unconfirmed(next, head)
	}
	return next
}
