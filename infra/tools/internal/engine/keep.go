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
	againMost   = time.Minute            // who mends something waits so long at most, and what can't start costs next to nothing
	steadyAfter = againMost              // what ran so long had recovered: its pauses begin anew
	remindEvery = time.Minute
	whyLimit    = 400 // bytes of a reason on the screen; all of it stands in the log
)

// part is a service or server that is kept running.
type part struct {
	name, meanwhile string // what is so while it does not run
	path            string // of its log
	log             *slog.Logger
	once            bool                        // it has work to finish, not to go on with
	run             func(context.Context) error // until ctx ends; whatever it returns before is why it stopped
}

// Stopped is a service or server that does not run.
type Stopped struct {
	Name      string
	Why       string        // one line
	Person    bool          // it is not started again by itself
	Again     time.Duration // otherwise: it is, within this time
	Meanwhile string        // what is so until then
	Log       string        // path of the file that has more
}

// String is one line for people: which, why, what is so meanwhile and what to do.
func (s Stopped) String() string {
	if s.Person {
		return fmt.Sprintf("%s has stopped and needs a person: %s. Meanwhile %s. "+
			"What happened stands in %s, what to do in infra/docs/OPERATIONS.md; then Ctrl-C and make run",
			s.Name, s.Why, s.Meanwhile, s.Log)
	}
	return fmt.Sprintf("%s has stopped: %s. Meanwhile %s. It is started again within %s; see %s", s.Name, s.Why, s.Meanwhile, s.Again, s.Log)
}

// pauses is what one part has rested.
type pauses struct{ last time.Duration }

// next is how long a part that ended with err after it had run so long rests before it is started again. After a Fatal fault a
// person must look first: going on would do harm. A setting that is Invalid may be so by what a database or a server holds,
// which somebody can mend meanwhile, so it is tried, slowly; trying does no harm, since nothing runs on it.
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

// keeper keeps parts running, each for itself, and tells of those that do not.
type keeper struct {
	say    func(format string, args ...any) // to the screen
	remind time.Duration                    // between two tellings of what stays stopped

	mu      sync.Mutex
	stopped map[string]Stopped // by name
}

// keep runs a part, again and again, until ctx ends. The others go on whatever becomes of it.
func (k *keeper) keep(ctx context.Context, p part) {
	var rest pauses
	for {
		start := time.Now()
		err := p.run(ctx)
		switch {
		case ctx.Err() != nil, err == nil && p.once:
			return
		case err == nil:
			err = errors.New("it ended without a reason")
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

// rest tells at once and then again and again that a part has stopped, until it may start (true) or ctx ends.
func (k *keeper) rest(ctx context.Context, p part, s Stopped, err error) bool {
	var over <-chan time.Time // never, if a person must look
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
			p.log.ErrorContext(ctx, "ALARM: it has stopped and needs a person", "which", p.name, "error", err)
		} else {
			p.log.ErrorContext(ctx, "it has stopped and is started again", "which", p.name, "within", s.Again.String(), "error", err)
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

// oneLine is an error as it fits on a screen; a server's last words come with line breaks.
func oneLine(err error) string {
	words := strings.Join(strings.Fields(err.Error()), " ")
	if len(words) > whyLimit {
		words = strings.ToValidUTF8(words[:whyLimit], "") + "…"
	}
	return strings.TrimSuffix(words, ".")
}
