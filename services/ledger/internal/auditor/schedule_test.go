package auditor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAuditsAreDue(t *testing.T) {
	at := func(text string) *time.Time {
		moment, err := time.Parse("2 15:04", text)
		require.NoError(t, err)
		return &moment
	}
	ran := func(scope, state, from string) *Ran { // for a minute
		ended := at(from).Add(time.Minute)
		return &Ran{Scope: scope, State: state, StartedAt: at(from), EndedAt: &ended}
	}
	nightly, err := ParseSchedule("03:00")
	require.NoError(t, err)
	long := ran(Full, failed, "5 03:00")
	long.EndedAt = at("5 05:00")
	for _, hour := range []struct{ now, due string }{{"5 06:59", ""}, {"5 07:00", Full}} {
		require.Equal(t, hour.due, nightly.due(*at(hour.now), Runs{Ended: map[string]*Ran{Full: long}}), "it took two hours, and waits for as long")
	}
	for name, c := range map[string]struct {
		now     string
		ended   []*Ran
		active  bool
		nothing bool // to begin at
		due     string
	}{
		"nothing was audited yet":               {now: "5 12:00", due: Full},
		"but something runs":                    {now: "5 12:00", active: true},
		"the night has come":                    {now: "5 03:00", ended: []*Ran{ran(Full, clean, "4 03:00")}, due: Full},
		"the night was slept through":           {now: "5 12:00", ended: []*Ran{ran(Full, clean, "4 03:00")}, due: Full},
		"not yet":                               {now: "5 02:59", ended: []*Ran{ran(Full, clean, "4 03:00"), ran(Since, clean, "5 02:30")}},
		"an hour after the one of everything":   {now: "5 04:00", ended: []*Ran{ran(Full, clean, "5 03:00")}, due: Since},
		"less than an hour after it":            {now: "5 03:59", ended: []*Ran{ran(Full, clean, "5 03:00")}},
		"an hour after that of what came since": {now: "5 05:00", ended: []*Ran{ran(Full, findings, "5 03:00"), ran(Since, findings, "5 04:00")}, due: Since},
		"less than an hour after that":          {now: "5 04:59", ended: []*Ran{ran(Full, clean, "5 03:00"), ran(Since, clean, "5 04:00")}},
		"there is nothing to begin at":          {now: "5 05:00", ended: []*Ran{ran(Full, stopped, "5 03:00")}, nothing: true},
		"the one of everything failed just now": {now: "5 03:10", ended: []*Ran{ran(Full, failed, "5 03:00")}},
		"and is tried again":                    {now: "5 03:11", ended: []*Ran{ran(Full, failed, "5 03:00")}, due: Full},
		"while it fails the others go on": {
			now: "5 03:05", ended: []*Ran{ran(Full, clean, "4 03:00"), ran(Full, failed, "5 03:00"), ran(Since, clean, "5 02:04")}, due: Since,
		},
		"the one of what came since failed just now": {now: "5 04:10", ended: []*Ran{ran(Full, clean, "5 03:00"), ran(Since, failed, "5 04:00")}},
		"and is tried again too":                     {now: "5 04:11", ended: []*Ran{ran(Full, clean, "5 03:00"), ran(Since, failed, "5 04:00")}, due: Since},
		"an operator stopped it":                     {now: "5 04:59", ended: []*Ran{ran(Full, stopped, "5 03:00"), ran(Since, stopped, "5 04:00")}},
	} {
		t.Run(name, func(t *testing.T) {
			runs := Runs{Ended: map[string]*Ran{}, Completed: map[string]*Ran{}, Resumable: !c.nothing}
			for _, r := range c.ended { // in order
				if runs.Ended[r.Scope] = r; completed(r.State) {
					runs.Completed[r.Scope] = r
				}
			}
			if c.active {
				runs.Active = &Ran{State: running}
			}
			require.Equal(t, c.due, nightly.due(*at(c.now), runs))
			require.Empty(t, Schedule{}.due(*at(c.now), runs), "off")
		})
	}
}

func TestTheScheduleIsATimeOfTheDay(t *testing.T) {
	off, err := ParseSchedule("off")
	require.NoError(t, err)
	require.Equal(t, Schedule{}, off)
	for _, text := range []string{"", "3", "24:00", "03:60", "3am", "03:00:00", "OFF"} {
		_, err := ParseSchedule(text)
		require.EqualError(t, err, "must be a time of the day in UTC, such as 03:00, or off", text)
	}
	late, err := ParseSchedule("23:30")
	require.NoError(t, err)
	now := time.Date(2026, 11, 22, 23, 29, 0, 0, time.FixedZone("", 0))
	require.Equal(t, time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC), late.last(now))
	require.Equal(t, time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC), late.last(now.Add(time.Minute)))
}
