package stream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/shared/wait"
)

// Standing is the state of a stream and the durable that reads it, at one time. Percentages are of what the stream may hold: unread messages
// that reach 100 are discarded.
type Standing struct {
	Stream             string `json:"stream"`
	Durable            string `json:"durable"`
	Messages           uint64 `json:"messages"` // read ones included: they stay until a limit discards them
	Bytes              uint64 `json:"bytes"`
	MaxBytes           int64  `json:"max_bytes"`
	Pending            uint64 `json:"pending"`     // not delivered yet
	AckPending         int    `json:"ack_pending"` // delivered and not acknowledged
	Redelivered        int    `json:"redelivered"` // of those, more than once
	OldestUnreadSecond int64  `json:"oldest_unread_seconds"`
	BytesPercent       int64  `json:"unread_percent_of_max_bytes"`
	AgePercent         int64  `json:"unread_percent_of_max_age"`
}

// Limits of checking streams.
const (
	checkEvery = 10 * time.Second // for the alarm
	checkFresh = time.Second      // a check that is younger answers STATS and a scrape too
	checkLimit = 3 * time.Second  // for one check of all streams of a service
	checkAgain = 5 * time.Second  // after one that failed; until then STATS and scrapes make no other
	checkStale = 3 * checkEvery   // an older one is not shown
	alarmEvery = 10 * time.Minute // between two log lines of an alarm that lasts
)

// Alarming reports whether unread messages have come so close to a limit of the stream that a person must act.
func (s Standing) Alarming() bool { return max(s.BytesPercent, s.AgePercent) >= alarmPercent }

// standingOf compares unread messages with the stream's limits. A durable that does not exist (nil) has read nothing.
// oldest is when the oldest unread message was stored, zero for none.
func standingOf(info *jetstream.StreamInfo, durable string, consumer *jetstream.ConsumerInfo, oldest, now time.Time) Standing {
	s := Standing{
		Stream: info.Config.Name, Durable: durable, Messages: info.State.Msgs, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes, Pending: info.State.Msgs,
	}
	if consumer != nil {
		s.Pending, s.AckPending, s.Redelivered = consumer.NumPending, consumer.NumAckPending, consumer.NumRedelivered
	}
	unread := min(s.Pending+uint64(s.AckPending), s.Messages) // those being delivered may have been discarded
	if unread == 0 {
		return s
	}
	if s.MaxBytes > 0 {
		s.BytesPercent = int64(s.Bytes/s.Messages*unread) * 100 / s.MaxBytes
	}
	if !oldest.IsZero() {
		age := max(now.Sub(oldest), 0)
		s.OldestUnreadSecond = int64(age / time.Second)
		if limit := info.Config.MaxAge; limit > 0 {
			s.AgePercent = int64(age) / (int64(limit) / 100)
		}
	}
	return s
}

// lookout keeps the last check of the streams that a service reads or writes.
type lookout struct {
	mu      sync.Mutex
	at      time.Time
	failed  time.Time
	last    []Standing
	alarmed map[string]*rate.Sometimes // by stream, while its alarm lasts
}

// watched are the streams that a service reads or writes: each is checked at both ends, so that the writer notices a reader that is down.
func watched(service string) (mine []spec) {
	for _, s := range specs {
		reads := slices.ContainsFunc(s.durables, func(d durableSpec) bool { return d.service == service })
		if len(s.durables) > 0 && (reads || slices.Contains(s.writers, service)) { // a bucket has no reader who could fall behind
			mine = append(mine, s)
		}
	}
	return mine
}

// Standings checks the streams that this service reads or writes, or returns a check that is still fresh. Without NATS it returns the last
// one while that is not stale, and then none.
func (b *Bus) Standings(ctx context.Context) []Standing {
	b.lookout.mu.Lock()
	defer b.lookout.mu.Unlock()
	now := time.Now()
	if now.Sub(b.lookout.at) < checkFresh {
		return b.lookout.last
	}
	if b.Conn.IsConnected() && now.Sub(b.lookout.failed) >= checkAgain {
		ctx, cancel := context.WithTimeout(ctx, checkLimit)
		defer cancel()
		found, err := b.inspect(ctx, now)
		if err == nil {
			b.lookout.at, b.lookout.last = now, found
			b.alarm(found)
			return found
		}
		b.log.Debug("the streams could not be inspected", "error", err)
		b.lookout.failed = time.Now()
	}
	if now.Sub(b.lookout.at) > checkStale {
		b.lookout.last = nil
	}
	return b.lookout.last
}

func (b *Bus) inspect(ctx context.Context, now time.Time) (found []Standing, err error) {
	for _, s := range watched(b.service) {
		str, err := b.JS.Stream(ctx, s.name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue // not created yet
		}
		if err != nil {
			return nil, err
		}
		for _, d := range s.durables {
			var info *jetstream.ConsumerInfo
			consumer, err := str.Consumer(ctx, d.name)
			switch {
			case err == nil:
				info = consumer.CachedInfo()
			case !errors.Is(err, jetstream.ErrConsumerNotFound):
				return nil, err
			}
			found = append(found, standingOf(str.CachedInfo(), d.name, info, oldestUnread(ctx, str, info), now))
		}
	}
	return found, nil
}

// oldestUnread is when the oldest message that a durable has not acknowledged was stored; zero for none, or one that is gone.
func oldestUnread(ctx context.Context, str jetstream.Stream, consumer *jetstream.ConsumerInfo) time.Time {
	state := str.CachedInfo().State
	if state.Msgs == 0 || consumer != nil && consumer.NumPending == 0 && consumer.NumAckPending == 0 {
		return time.Time{}
	}
	if consumer == nil || consumer.AckFloor.Stream < state.FirstSeq {
		return state.FirstTime
	}
	msg, err := str.GetMsg(ctx, consumer.AckFloor.Stream+1)
	if err != nil {
		return time.Time{}
	}
	return msg.Time
}

// alarm logs that unread messages are close to a stream's limits, again every alarmEvery while it lasts, and that it is over.
func (b *Bus) alarm(found []Standing) {
	for _, s := range found {
		lasting, alarmed := b.lookout.alarmed[s.Stream]
		switch {
		case s.Alarming():
			if !alarmed {
				lasting = &rate.Sometimes{Interval: alarmEvery}
				b.lookout.alarmed[s.Stream] = lasting
			}
			lasting.Do(func() {
				b.log.Error("ALARM: unread messages are close to their stream's limits, at which the oldest are discarded",
					"stream", s.Stream, "durable", s.Durable, "pending", s.Pending, "percent_of_max_bytes", s.BytesPercent, "percent_of_max_age", s.AgePercent)
			})
		case alarmed:
			delete(b.lookout.alarmed, s.Stream)
			b.log.Info("the alarm is over: unread messages are well below their stream's limits again", "stream", s.Stream, "durable", s.Durable)
		}
	}
}

// keepChecking checks for the alarm's sake until ctx ends.
func (b *Bus) keepChecking(ctx context.Context) {
	if len(watched(b.service)) == 0 {
		return
	}
	for wait.Pause(ctx, wait.Jitter(checkEvery)) {
		b.Standings(ctx)
	}
}
