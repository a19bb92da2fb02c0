package active

import (
	"context"
	"slices"
	"time"

	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
)

// What nodes say once is not believed where it would stop the anchor for good, or be journaled for good: a node may lie, or answer for
// a moment from another's state. Nothing is done meanwhile, so that waiting does no harm.
const (
	haltLooks  = 3                // looks in a row that must lead to a stop before the anchor stops: some seconds at the default ANCHOR_POLL
	strangeMax = 30 * time.Minute // how long the nodes must be on a chain that the journal lacks before the anchor stops for that, as long as for lacksMax
)

// stopping counts the looks in a row that led to a stop.
type stopping struct{ looks int }

// note takes what a look led to, and reports whether it stops the anchor.
func (s *stopping) note(err error) (stops bool) {
	switch {
	case err == nil:
		s.looks = 0
	case fault.Is(err, fault.Fatal), fault.Is(err, fault.Invalid):
		s.looks++
		return s.looks >= haltLooks
	}
	return false // a look that came to no end tells nothing
}

// sighting follows which chain the nodes say that they are on.
type sighting struct {
	id      chain.Identity
	strange bool // the journal has deployments, and none there
	first   time.Time
	last    time.Time
	looks   int // in a row
	told    time.Time
}

// note takes what a look was told. Looks that are too far apart are not in a row: others acted between them.
func (s *sighting) note(id chain.Identity, known []chain.Identity, now time.Time) {
	if !s.id.Same(id) || now.Sub(s.last) > lacksGap {
		*s = sighting{id: id, first: now}
	}
	s.strange = len(known) > 0 && !slices.ContainsFunc(known, id.Same)
	s.last = now
	s.looks++
}

// settled reports whether the nodes have said so often enough to begin something on the chain. A development chain that is the
// journal's first needs no wait: nothing on it is of value.
func (s *sighting) settled() bool {
	return s.looks >= haltLooks || !s.strange && s.id.Development()
}

// excuses reports whether a stop may still be for want of the right chain.
func (s *sighting) excuses(now time.Time) bool { return s.strange && now.Sub(s.first) < strangeMax }

// identify asks the nodes which chain they are on.
func (t *tenure) identify(ctx context.Context) error {
	known, err := t.anchor.Journal.Chains(ctx)
	if err != nil {
		return err
	}
	if t.id, err = t.anchor.Chain.Identify(ctx, known...); err != nil {
		return err
	}
	t.anchor.sight.note(t.id, known, time.Now())
	return nil
}

// excused lets pass what would stop the anchor while the nodes are on a chain that the journal lacks: they may be on the right one at
// the next look. It says so as an alarm from the first time on.
func (a *Anchor) excused(err error) error {
	now := time.Now()
	if !a.sight.excuses(now) || !fault.Is(err, fault.Fatal) && !fault.Is(err, fault.Invalid) {
		return err
	}
	if now.Sub(a.sight.told) >= warnAgain {
		a.sight.told = now
		a.Log.Error("ALARM: the nodes of WEB3_PROVIDER are on a chain that the journal has nothing of: the anchor does nothing, and stops unless that changes",
			"chain_id", a.sight.id.ChainID.String(), "genesis", a.sight.id.Genesis.Hex(), "since", a.sight.first.UTC().Format(time.RFC3339),
			"stops_after", strangeMax, "error", err)
	}
	return fault.New(fault.Transient, "the nodes are on a chain that the journal has nothing of, perhaps by mistake: %w", err)
}

// sure asks once more which chain this is, before that is journaled for good.
func (t *tenure) sure(ctx context.Context) error {
	if sight := &t.anchor.sight; !sight.settled() {
		return fault.New(fault.Transient, "the nodes have said %d times that they are on this chain, and begin something on it after %d", sight.looks, haltLooks)
	}
	id, err := t.anchor.Chain.Identify(ctx)
	if err == nil && !id.Same(t.id) {
		err = fault.New(fault.Transient, "the nodes say now that they are on chain %s with genesis %s, and said chain %s with genesis %s",
			id.ChainID, id.Genesis.Hex(), t.id.ChainID, t.id.Genesis.Hex())
	}
	return err
}

// confirmed believes a step that matters once enough nodes lead to it at the same block, others being what the others do: one node with
// a broken state must not stop the anchor, nor spend its money. It is left out for a while instead.
func (a *Anchor) confirmed(sight chain.Sight, next step.Step, others func() []step.Step) step.Step {
	weight := step.WeightOf(next)
	if _, doubt := next.(step.Doubt); doubt {
		a.Chain.Distrust(sight) // another may show what can be
	}
	if weight == step.One {
		return next
	}
	said, against := 1, 0
	for _, other := range others() {
		if step.Agree(next, other) {
			said++
		} else {
			against++
		}
	}
	if a.Chain.Most(said) || weight == step.MostPresent && sight.Most(said) {
		return next
	}
	if against > 0 {
		a.Chain.Distrust(sight)
	}
	return step.Unconfirmed(next, sight.Head.Number)
}

// faultOf makes a fault of a step that leaves everything as it is: Fatal of a Halt, for which a person must look, Transient of a Doubt,
// for which the next look is enough. For any other step it is nil.
func faultOf(s step.Step) error {
	switch s := s.(type) {
	case step.Halt:
		return fault.New(fault.Fatal, "%s", s.Reason)
	case step.Doubt:
		return fault.New(fault.Transient, "%s", s.Reason)
	}
	return nil
}
