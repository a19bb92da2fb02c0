package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tillseal/tillseal/shared/fault"
)

const (
	againFirst  = 250 * time.Millisecond // most of what ends by itself can run again at once
	againMost   = time.Minute            // whoever fixes something waits so long at most, and a part that can't start costs next to nothing
	steadyAfter = againMost              // a part that ran so long had recovered: its pauses start from the shortest again
	remindEvery = time.Minute
	whyLimit    = 400 // bytes of a reason on the screen; all of it is in the log
)

// part is a service or server that is kept running.
type part struct {
	name, meanwhile string // meanwhile: the consequence while it does not run
	path            string // of its log
	log             *slog.Logger
	once            bool                        // its work ends: it is not started again once it has returned nil
	run             func(context.Context) error // until ctx ends; whatever it returns before is why it stopped
}

// Stopped is a service or server that does not run.
type Stopped struct {
	Name      string
	Why       string        // one line
	Person    bool          // it is not started again by itself
	Again     time.Duration // otherwise: it is, within this time
	Meanwhile string        // the consequence until then
	Log       string        // path of the file that has more
}

// String is one line for people: which, why, the consequence meanwhile and what to do.
func (s Stopped) String() string {
	if s.Person {
		return fmt.Sprintf("%s has stopped and needs a person: %s. Meanwhile %s. "+
			"Its log is %s; infra/docs/OPERATIONS.md says what to do. Then press Ctrl-C and run make run again",
			s.Name, s.Why, s.Meanwhile, s.Log)
	}
	return fmt.Sprintf("%s has stopped: %s. Meanwhile %s. It is started again within %s; see %s", s.Name, s.Why, s.Meanwhile, s.Again, s.Log)
}

// pauses remembers how long one part paused last.
type pauses struct{ last time.Duration }

// next is how long a part that ended with err after it had run so long pauses before it is started again. After a Fatal fault it takes a
// person: going on would do harm. A setting may be Invalid because of what a database or a server has, which somebody can fix meanwhile,
// so it is tried again, slowly; trying does no harm, since nothing runs on it.
func (p *pauses) next(err error, ran time.Duration) (pause time.Duration, person bool) {
	if ran >= steadyAfter {
		p.last = 0
	}
	switch fault.KindOf(err) {
	case fault.Fatal:
		return 0, true
	case fault.Invalid:
		p.last = againMost
	case fault.Unknown, fault.Transient, fault.Conflict, fault.Forged:
		p.last = min(max(2*p.last, againFirst), againMost)
	}
	return p.last, false
}

// keeper keeps parts running, each by itself, and reports those that do not run.
type keeper struct {
	say    func(format string, args ...any) // to the screen
	remind time.Duration                    // between two reports of a part that stays stopped

	mu      sync.Mutex
	stopped map[string]Stopped // by name
}

// keep runs a part, again and again, until ctx ends. The others keep running whatever happens to it.
func (k *keeper) keep(ctx context.Context, p part) {
	var rest pauses
	for {
		start := time.Now()
		err := p.run(ctx)
		switch {
		case ctx.Err() != nil, err == nil && p.once:
			return
		case err == nil:
			err = errors.New("it ended without giving a reason")
		}
		s := Stopped{Name: p.name, Why: oneLine(err), Meanwhile: p.meanwhile, Log: p.path}
		s.Again, s.Person = rest.next(err, time.Since(start))
		k.note(s)
		if !k.rest(ctx, p, s, err) {
			return
		}
		k.forget(s)
	}
}

// rest reports at once, and then again and again, that a part has stopped, until it may start (true) or ctx ends (false).
func (k *keeper) rest(ctx context.Context, p part, s Stopped, err error) bool {
	var over <-chan time.Time // never, if it needs a person
	if !s.Person {
		timer := time.NewTimer(s.Again)
		defer timer.Stop()
		over = timer.C
	}
	again := time.NewTicker(k.remind)
	defer again.Stop()
	for {
		k.say("%s", s)
		if s.Person {
			p.log.ErrorContext(ctx, "ALARM: this part has stopped and needs a person", "which", p.name, "error", err)
		} else {
			p.log.ErrorContext(ctx, "this part has stopped and will be started again", "which", p.name, "within", s.Again.String(), "error", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-over:
			return true
		case <-again.C:
		}
	}
}

func (k *keeper) note(s Stopped) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped[s.Name] = s
}

func (k *keeper) forget(s Stopped) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.stopped, s.Name)
}

// list is what does not run now, by name.
func (k *keeper) list() []Stopped {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.SortedFunc(maps.Values(k.stopped), func(a, b Stopped) int { return strings.Compare(a.Name, b.Name) })
}

// oneLine makes an error fit on the screen; a server's last output has line breaks.
func oneLine(err error) string {
	words := strings.Join(strings.Fields(err.Error()), " ")
	if len(words) > whyLimit {
		words = strings.ToValidUTF8(words[:whyLimit], "") + "…"
	}
	return strings.TrimSuffix(words, ".")
}
