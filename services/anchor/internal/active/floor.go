package active

import (
	"time"

	"github.com/tillseal/tillseal/services/anchor/internal/journal"
)

const (
	// lowSeqRotation is longer than any intake transaction: a leaf that was invisible then is visible now or never.
	lowSeqRotation = 5 * time.Minute

	// searchAll is how often the search for waiting leaves starts at the floor. A leaf that became visible below others that were
	// sealed before waits so much longer.
	searchAll = 5 * time.Second
)

// floor keeps the seq of the journal below which no leaf waits, so that the search does not grow with the table. A seq is assigned
// before its leaf is visible: a leaf may appear below one that is sealed already, so the floor follows at a distance, and most checks
// search only above what the one before found to be in batches.
type floor struct {
	low, next int64
	turned    time.Time

	near     int64
	searched time.Time // from low on
}

// start is where a check begins to search, and whether that is the floor.
func (f *floor) start(now time.Time) (from int64, whole bool) {
	if now.Sub(f.searched) >= searchAll {
		f.searched = now
		return f.low, true
	}
	return max(f.near, f.low), false
}

// move takes what a check has seen.
func (f *floor) move(seen journal.Floor, whole bool, now time.Time) {
	f.near = seen.Highest // every visible leaf up to here is in a batch
	if seen.LowestWaiting > 0 {
		f.near = seen.LowestWaiting - 1
	}
	switch {
	case !whole:
	case f.turned.IsZero():
		f.turned = now
	case now.Sub(f.turned) >= lowSeqRotation:
		f.low, f.next, f.turned = min(f.next, f.near), seen.Highest, now
	}
}
