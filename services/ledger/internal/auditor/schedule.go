package auditor

import (
	"errors"
	"time"
)

// Scopes of an audit.
const (
	Full  = "full"  // of everything
	Since = "since" // of what came after the last one
)

// States of an audit.
const (
	asked    = "asked"
	running  = "running"
	clean    = "clean"
	findings = "findings"
	failed   = "failed" // it could not be completed
	stopped  = "stopped"
)

const (
	sinceEvery = time.Hour        // between the beginnings of two audits of what came since
	retryAfter = 10 * time.Minute // after one that could not be completed
)

// Schedule is when audits begin by themselves: one of everything each day, and one of what came since each hour. The zero value has none.
type Schedule struct {
	on bool
	at time.Duration // since midnight UTC
}

// Off is AUDIT_AT for no schedule.
const Off = "off"

// ParseSchedule reads AUDIT_AT: the time of the day, UTC, as 15:04, or off.
func ParseSchedule(text string) (Schedule, error) {
	if text == Off {
		return Schedule{}, nil
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		return Schedule{}, errors.New("must be a time of the day in UTC, such as 03:00, or off")
	}
	return Schedule{on: true, at: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute}, nil
}

// last is the last moment up to a time at which an audit of everything was due.
func (s Schedule) last(now time.Time) time.Time {
	const day = 24 * time.Hour
	at := now.UTC().Truncate(day).Add(s.at)
	if at.After(now) {
		return at.Add(-day)
	}
	return at
}

// due is the scope of the audit that is to begin now, "" for none: the runs are what is known of earlier ones. What was missed while no ledger ran is
// made up for; and one of everything that can't be completed keeps nobody from those of what came since.
func (s Schedule) due(now time.Time, runs Runs) string {
	if !s.on || runs.Active != nil {
		return ""
	}
	full, since := runs.Ended[Full], runs.Ended[Since]
	if full == nil || full.StartedAt.Before(s.last(now)) || full.again(now) {
		return Full
	}
	begun := runs.Completed[Full]
	if since != nil && (begun == nil || since.StartedAt.After(*begun.StartedAt)) {
		begun = since
	}
	if runs.Resumable && (since.again(now) || begun != nil && now.Sub(*begun.StartedAt) >= sinceEvery) {
		return Since
	}
	return ""
}

// again reports whether an audit that could not be completed is to be tried again: soon, and later the longer it took.
func (r *Ran) again(now time.Time) bool {
	return r != nil && r.State == failed && now.Sub(*r.EndedAt) >= max(retryAfter, r.EndedAt.Sub(*r.StartedAt))
}
