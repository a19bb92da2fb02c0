package reconcile

import (
	"slices"
	"time"
)

// Mark is a place in the order of recording. All sales up to it are safe, parked or open in the Plan.
type Mark struct {
	RecordedAtMicros int64
	SaleID           string // breaks ties
}

// start lies before every sale.
var start = Mark{RecordedAtMicros: -1, SaleID: "00000000-0000-0000-0000-000000000000"}

// Limits of the plan.
const (
	maxOpen   = 10_000        // lost sales that are kept in mind; while there are more the mark waits
	maxRepair = 500           // sales published again in one tick; a tick waits until the pipeline is idle, so these are all that are in flight
	maxDelay  = 1 * time.Hour // between two tries of one sale, however often it was tried
)

// Plan knows which sales have no leaf though their time has come, and when each is published again. No I/O, no clock.
type Plan struct {
	mark  Mark
	first time.Duration // the delay after the first try; it doubles with each
	open  map[string]attempt
}

type attempt struct {
	tries int
	next  time.Time
}

// NewPlan starts before the first sale.
func NewPlan(first time.Duration) *Plan {
	return &Plan{mark: start, first: first, open: make(map[string]attempt)}
}

// Mark is where the search goes on.
func (p *Plan) Mark() Mark { return p.mark }

// Room is the number of further sales that may be seen now.
func (p *Plan) Room() int { return maxOpen - len(p.open) }

// See takes the sales that follow the mark and moves it behind them; missing are due at once.
func (p *Plan) See(last Mark, missing []string) {
	for _, id := range missing {
		p.open[id] = attempt{}
	}
	p.mark = last
}

// Reopen takes sales that lie before the mark and are lost all the same; those that are in mind stay as they are.
func (p *Plan) Reopen(ids []string) {
	for _, id := range ids {
		if _, known := p.open[id]; !known && p.Room() > 0 {
			p.open[id] = attempt{}
		}
	}
}

// Due lists sales whose next try has come, those that wait the longest first, at most maxRepair.
func (p *Plan) Due(now time.Time) []string {
	var due []string
	for id, a := range p.open {
		if !a.next.After(now) {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b string) int {
		if c := p.open[a].next.Compare(p.open[b].next); c != 0 {
			return c
		}
		return compareIDs(a, b)
	})
	return due[:min(len(due), maxRepair)]
}

// compareIDs orders UUID v7 by their age.
func compareIDs(a, b string) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// Tried notes that a sale was published again.
func (p *Plan) Tried(id string, now time.Time) {
	a := p.open[id]
	a.next = now.Add(delay(p.first, a.tries))
	a.tries++
	p.open[id] = a
}

// delay doubles with each try, up to maxDelay.
func delay(first time.Duration, tries int) time.Duration {
	d := first
	for range tries {
		if d *= 2; d >= maxDelay {
			return maxDelay
		}
	}
	return d
}

// Settled forgets a sale that has a leaf now, or is parked.
func (p *Plan) Settled(id string) { delete(p.open, id) }

// Open is the number of sales kept in mind.
func (p *Plan) Open() int { return len(p.open) }
