package promises

import (
	"log/slog"
	"time"

	"github.com/tillseal/tillseal/shared/promise"
)

// alarmAgain is how often a state that lasts is repeated in the log.
const alarmAgain = time.Hour

// Alarm puts into the log how the promises stand: at each change, and once in a while for as long as they are not well. The zero state is
// that all is kept.
type Alarm struct {
	Log    *slog.Logger
	Within time.Duration // PROMISE_WITHIN

	last State
	at   time.Time // when it was logged
}

// Note takes what was seen at a moment.
func (a *Alarm) Note(seen Sight, now time.Time) {
	state := seen.State(a.Within, now)
	changed := state != a.last && (a.last != "" || state != Kept)
	if !changed && (state == Kept || now.Sub(a.at) < alarmAgain) {
		return
	}
	a.last, a.at = state, now
	if state == Kept {
		a.Log.Info("every promise is kept again, or not due for long", "within", a.Within.String())
		return
	}
	attributes := []any{
		"sale_id", seen.Oldest.SaleID, "terminal_id", seen.Oldest.TerminalID, "record_number", seen.Oldest.RecordNumber,
		"recorded_at", seen.Oldest.RecordedAt.UTC().Format(time.RFC3339), "anchor_by", promise.AnchorBy(seen.Oldest.RecordedAt, a.Within).UTC().Format(time.RFC3339),
		"waits_for", seen.Oldest.WaitsFor, "who_acts", seen.Oldest.WaitsFor.whoActs(),
	}
	if state == Half {
		a.Log.Warn("half of the time is over for a promise that is not kept", attributes...)
		return
	}
	a.Log.Error("ALARM: a promise is broken: a sale stands in no mined batch past its anchor_by", append(attributes, "broken", seen.Broken)...)
}

// whoActs says who has to do something about a sale that waits.
func (c Cause) whoActs() string {
	switch c {
	case Parked:
		return "an operator: see ops.ledger.parked.show, remove the reason, then ops.ledger.parked.replay"
	case Discarded:
		return "an operator gave it up: only ops.ledger.parked.replay by its sale_id has it anchored"
	case Leaf:
		return "pricing and the anchor's intake: see SALES_RECORDED and SALES_PRICED; the ledger publishes it again"
	case Batch:
		return "the anchor, which has not sealed it: see ops.anchor.status"
	case Block:
		return "the anchor, whose batch is not in a block: see ops.anchor.status"
	}
	return "unknown"
}
