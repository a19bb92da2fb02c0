package bench

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tillseal/tillseal/shared/wait"
)

// openConnections serve the open loop; a sale that finds none free waits, and its wait is counted.
const openConnections = 256

// keptUp is the part of the offered rate from which on a load has kept up: the last answers come a little after the last sale was due.
const keptUp = 0.95

// result is what one run came to.
type result struct {
	Name      string            `json:"name"`
	PerSecond number            `json:"per_second"`                   // answered with 201, over the time that it took
	Offered   number            `json:"offered_per_second,omitempty"` // by an open loop
	Seconds   number            `json:"seconds,omitempty"`            // that it took
	Sales     int64             `json:"sales"`
	Failed    int64             `json:"failed"` // not answered with 201
	MeanUS    number            `json:"mean_us"`
	P50US     number            `json:"p50_us,omitempty"`
	P99US     number            `json:"p99_us,omitempty"`
	P999US    number            `json:"p999_us,omitempty"`
	CPU       map[string]number `json:"cpu_us_per_sale"` // by process
}

// fellShort reports whether sales were offered faster than they were answered, so that a queue grew as long as the run lasted.
func (r result) fellShort() bool { return r.PerSecond < keptUp*r.Offered }

// sample is what the tills of one run saw.
type sample struct {
	offered int           // sales a second, of an open loop
	lasted  time.Duration // from the first sale to the last answer

	mu       sync.Mutex
	answered int64           // with 201
	took     []time.Duration // what is measured of them; of the engine, the time to the leaf
	failed   int64
}

func (s *sample) add(took []time.Duration, failed int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, took...)
	s.answered += int64(len(took))
	s.failed += failed
}

func (s *sample) result(used usage) result {
	slices.Sort(s.took)
	n := len(s.took)
	res := result{Sales: int64(n), Failed: s.failed, Offered: number(s.offered), Seconds: s.lasted.Seconds(), CPU: used.perSale(s.answered)}
	if s.lasted > 0 {
		res.PerSecond = number(s.answered) / s.lasted.Seconds()
	}
	if n == 0 {
		return res
	}
	var sum time.Duration
	for _, t := range s.took {
		sum += t
	}
	const perMille = 1000
	at := func(mille int) number { return micros(s.took[min(n*mille/perMille, n-1)]) }
	res.MeanUS, res.P50US, res.P99US, res.P999US = micros(sum/time.Duration(n)), at(500), at(990), at(999)
	return res
}

func micros(d time.Duration) number { return number(d) / number(time.Microsecond) }

// customer draws from 1 to last.
func customer(last int) int { return 1 + rand.IntN(last) } //nolint:gosec // which customer buys is no secret

// tills are connections of so many terminals that stay open from the warm-up on, as a till's does over its day: none of them connects while it is measured.
func (r *rig) tills(n, terminals int, records writes) (all []*till, hangUp func()) {
	for i := range n {
		all = append(all, newTill(r.gateway.addr, r.keys[r.database][i%terminals], records))
	}
	return all, func() {
		for _, t := range all {
			t.close()
		}
	}
}

// measured runs a load for its warm-up and then for its length, and returns the latter's sample.
func (r *rig) measured(warmUp time.Duration, load func(length time.Duration) *sample) result {
	load(warmUp)
	var res result
	r.profiled(func() {
		before := r.usage()
		seen := load(r.cfg.length())
		res = seen.result(r.usage().since(before))
	})
	return res
}

// closedLoop has each connection send its next sale once it has its answer.
func (r *rig) closedLoop(ctx context.Context, connections, terminals, last int, warmUp time.Duration, records writes) result {
	tills, hangUp := r.tills(connections, terminals, records)
	defer hangUp()
	return r.measured(warmUp, func(length time.Duration) *sample { return closedFor(ctx, tills, last, length) })
}

func closedFor(ctx context.Context, tills []*till, last int, length time.Duration) *sample {
	seen, begin := &sample{}, time.Now()
	end := begin.Add(length)
	var running sync.WaitGroup
	for _, t := range tills {
		running.Go(func() {
			var took []time.Duration
			var failed int64
			for start := time.Now(); start.Before(end) && ctx.Err() == nil; {
				ok, err := t.sell(ctx, customer(last))
				now := time.Now()
				if ok && err == nil {
					took = append(took, now.Sub(start))
				} else {
					failed++
					wait.Pause(ctx, readyPause)
				}
				start = now
			}
			seen.add(took, failed)
		})
	}
	running.Wait()
	seen.lasted = time.Since(begin)
	return seen
}

// openLoop sends sales at their time, whatever became of those before. Each is measured from the time at which it should
// have been sent, so that a stall is counted against all whom it kept waiting.
func (r *rig) openLoop(ctx context.Context, last int) result {
	tills, hangUp := r.tills(openConnections, terminals, body)
	defer hangUp()
	return r.measured(r.cfg.warmUp(), func(length time.Duration) *sample { return openFor(ctx, tills, last, r.cfg.OpenRate, length) })
}

func openFor(ctx context.Context, tills []*till, last, perSecond int, length time.Duration) *sample {
	total := int(length.Seconds()) * perSecond
	due := make(chan time.Time, total) // all of a run at most: the clock never waits for the tills
	seen, begin := &sample{offered: perSecond}, time.Now()
	var failed atomic.Int64
	var running sync.WaitGroup
	for _, t := range tills {
		running.Go(func() {
			var took []time.Duration
			for at := range due {
				if ok, err := t.sell(ctx, customer(last)); ok && err == nil {
					took = append(took, time.Since(at))
				} else {
					failed.Add(1)
				}
			}
			seen.add(took, 0)
		})
	}
	running.Go(func() {
		defer close(due)
		tick(ctx, total, time.Second/time.Duration(perSecond), due)
	})
	running.Wait()
	seen.failed, seen.lasted = failed.Load(), time.Since(begin)
	return seen
}

// tick sends total times, every apart. It sleeps in the kernel: Go's own timers are up to a millisecond late.
func tick(ctx context.Context, total int, every time.Duration, due chan<- time.Time) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := time.Now()
	for i := range total {
		at := start.Add(time.Duration(i) * every)
		if pause := time.Until(at); pause > 0 {
			spec := syscall.NsecToTimespec(int64(pause))
			_ = syscall.Nanosleep(&spec, nil) // cut short it is early by nothing that matters
		}
		if ctx.Err() != nil {
			return
		}
		due <- at
	}
}

// profiled runs do, with the gateway's CPU profile when one is wanted.
func (r *rig) profiled(do func()) {
	if r.cfg.Profile != "" {
		r.gateway.profile(true)
		defer r.gateway.profile(false)
	}
	do()
}

// usage is processor time by process.
type usage map[string]time.Duration

func (r *rig) usage() usage {
	u := usage{"postgres": cpuOfTree(r.postgres.Pid()), "redis": cpuOf(r.redis.Pid(), false), "nats": cpuOf(r.nats.pid(), false)}
	if r.gateway != nil {
		u["gateway"] = cpuOf(r.gateway.pid(), false)
	}
	for role, c := range r.behind {
		u[role] = cpuOf(c.pid(), false)
	}
	u["client"] = cpuOf(syscall.Getpid(), false)
	return u
}

func (u usage) since(before usage) usage {
	spent := make(usage, len(u))
	for name, d := range u {
		spent[name] = max(d-before[name], 0)
	}
	return spent
}

func (u usage) perSale(sales int64) map[string]number {
	per := make(map[string]number, len(u))
	for name, d := range u {
		per[name] = micros(d) / number(max(sales, 1))
	}
	return per
}
