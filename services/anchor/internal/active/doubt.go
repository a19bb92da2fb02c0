package active

import (
	"context"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/fault"
)

// What nodes answer once is not believed where it would stop the anchor for good, or be journaled for good: a node may lie, or answer
// for a moment from another state. Nothing is done meanwhile, so waiting does no harm.
const (
	haltChecks = 3                // checks in a row that must lead to a stop before the anchor stops: some seconds at the default ANCHOR_POLL
	strangeMax = 30 * time.Minute // how long the nodes must be on a chain that the journal lacks before the anchor stops for that, as long as for lacksMax
)

// stopping counts the checks in a row that led to a stop.
type stopping struct{ checks int }

// note takes the outcome of a check, and reports whether it stops the anchor.
func (s *stopping) note(err error) (stops bool) {
	switch {
	case err == nil:
		s.checks = 0
	case fault.Is(err, fault.Fatal), fault.Is(err, fault.Invalid):
		s.checks++
		return s.checks >= haltChecks
	}
	return false // a check that could not be completed counts neither way
}

// sighting follows which chain the nodes report to be on.
type sighting struct {
	id      chain.Identity
	strange bool // the journal has deployments, and none there
	first   time.Time
	last    time.Time
	checks  int // in a row
	alarm   rate.Sometimes
}

// note takes the answer of one check. Checks that are too far apart are not in a row: others acted between them.
func (s *sighting) note(id chain.Identity, known []chain.Identity, now time.Time) {
	if !s.id.Same(id) || now.Sub(s.last) > lacksGap {
		*s = sighting{id: id, first: now, alarm: rate.Sometimes{Interval: warnAgain}}
	}
	s.strange = len(known) > 0 && !slices.ContainsFunc(known, id.Same)
	s.last = now
	s.checks++
}

// established reports whether the nodes have reported the chain often enough to begin something on it. A development chain that is the
// journal's first needs no wait: nothing on it is of value.
func (s *sighting) established() bool {
	return s.checks >= haltChecks || !s.strange && s.id.Development()
}

// excuses reports whether the nodes may be on the wrong chain for a moment only, so that a stop is put off.
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

// excused puts off what would stop the anchor while the nodes are on a chain that the journal lacks: they may be on the right one at
// the next check. It raises an alarm from the first time on.
func (a *Anchor) excused(err error) error {
	now := time.Now()
	if !a.sight.excuses(now) || !fault.Is(err, fault.Fatal) && !fault.Is(err, fault.Invalid) {
		return err
	}
	a.sight.alarm.Do(func() {
		a.Log.Error("ALARM: the nodes of WEB3_PROVIDER are on a chain that the journal does not know: the anchor has paused, and stops unless that changes",
			"chain_id", a.sight.id.ChainID.String(), "genesis", a.sight.id.Genesis.Hex(), "since", a.sight.first.UTC().Format(time.RFC3339),
			"stops_after", strangeMax, "error", err)
	})
	return fault.New(fault.Transient, "the nodes are on a chain that the journal does not know, perhaps by mistake: %w", err)
}

// sure asks once more which chain this is, before that is journaled for good.
func (t *tenure) sure(ctx context.Context) error {
	if sight := &t.anchor.sight; !sight.established() {
		return fault.New(fault.Transient, "the nodes have reported this chain %d times; it is used after %d", sight.checks, haltChecks)
	}
	id, err := t.anchor.Chain.Identify(ctx)
	if err == nil && !id.Same(t.id) {
		err = fault.New(fault.Transient, "the nodes now report chain %s with genesis %s, and reported chain %s with genesis %s before",
			id.ChainID, id.Genesis.Hex(), t.id.ChainID, t.id.Genesis.Hex())
	}
	return err
}

// confirmed returns a step that matters only if enough nodes lead to it at the same block, and a Doubt otherwise; others are the steps
// that the other nodes lead to. One node with a broken state must not stop the anchor, nor spend its money: it is left out for a while.
func (a *Anchor) confirmed(sight chain.Sight, next step.Step, others func() []step.Step) step.Step {
	weight := step.WeightOf(next)
	if _, doubt := next.(step.Doubt); doubt {
		a.Chain.Distrust(sight) // another node may show a possible state
	}
	if weight == step.One {
		return next
	}
	agreeing, against := 1, 0
	for _, other := range others() {
		if step.Agree(next, other) {
			agreeing++
		} else {
			against++
		}
	}
	if a.Chain.Most(agreeing) || weight == step.MostPresent && sight.Most(agreeing) {
		return next
	}
	if against > 0 {
		a.Chain.Distrust(sight)
	}
	return step.Unconfirmed(next, sight.Head.Number)
}

// faultOf is the fault of a step that changes nothing: Fatal for a Halt, which takes a person, Transient for a Doubt, for which the next
// check is enough. For any other step it is nil.
func faultOf(s step.Step) error {
	switch s := s.(type) {
	case step.Halt:
		return fault.New(fault.Fatal, "%s", s.Reason)
	case step.Doubt:
		return fault.New(fault.Transient, "%s", s.Reason)
	}
	return nil
}
