// Package replay is Redis: claims that keep several gateways from working on one key at once, and cached answers for retries. It makes things
// faster and decides nothing: without an answer from Redis, Postgres is asked.
package replay

import (
	"context"
	"crypto/rand"
	_ "embed" // the script
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/sony/gobreaker/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

// Limits.
const (
	budget      = 50 * time.Millisecond // what a slow Redis may cost a group, until the breaker opens
	claimLife   = 3 * time.Second       // longer than a group may take; a dead gateway's claim blocks its key no longer
	answerLife  = 24 * time.Hour
	maxFailures = 3 // in a row, then Redis is not used
	openFor     = 2 * time.Second
	poolSize    = 4 // claims, answers and held keys, each one pipeline at a time
)

// silent discards the library's log, which is global and not JSON; the breaker logs when Redis is unavailable.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

var setLogger = sync.OnceFunc(func() { redis.SetLogger(silent{}) })

// Cache is the gateway's Redis. It is safe for concurrent use.
type Cache struct {
	client  *redis.Client
	breaker *gobreaker.CircuitBreaker[[]redis.Cmder]
	owner   string        // of this process's claims
	of      func() string // the database that the answers are from; "" while it is not known
	claims  atomic.Uint64
}

// errNoURL has no cause: that may quote the password.
var errNoURL = fault.New(fault.Invalid, "REDIS_URL must be a URL such as redis://127.0.0.1:6379/0 (redis://, rediss:// or unix://)")

// Check returns what is wrong with REDIS_URL; the error is Invalid.
func Check(url config.Secret) error {
	const unix = "unix://" // a socket has no host
	_, err := redis.ParseURL(url.Reveal())
	switch {
	case url == "":
		return fault.New(fault.Invalid, "REDIS_URL is not set")
	case err != nil, !strings.HasPrefix(url.Reveal(), unix) && config.CheckURL("REDIS_URL", url, "", "redis", "rediss") != nil:
		return errNoURL
	}
	return nil
}

// Open prepares the client and does not connect yet. A wrong URL is Invalid. Keys are prefixed with the database that identity names: an answer
// that was cached from a database that was replaced since would confirm a lost sale to a till. While identity is "", Redis is not used.
func Open(url config.Secret, identity func() string, log *slog.Logger) (*Cache, error) {
	if err := Check(url); err != nil {
		return nil, err
	}
	options, err := redis.ParseURL(url.Reveal())
	if err != nil {
		return nil, errNoURL
	}
	setLogger()
	options.MaxRetries = -1 // a retried SET NX would be refused by its own first try
	options.DialerRetries = 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = budget, budget, budget, budget
	options.ContextTimeoutEnabled = true
	options.PoolSize = poolSize
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Cache{
		client: redis.NewClient(options),
		owner:  rand.Text(),
		of:     identity,
		breaker: gobreaker.NewCircuitBreaker[[]redis.Cmder](gobreaker.Settings{
			Name: "redis", Timeout: openFor, MaxRequests: 1,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= maxFailures },
			OnStateChange: func(_ string, _, to gobreaker.State) {
				log.Warn("the circuit breaker for Redis changed state; while it is open, sales are recorded without Redis", "state", to.String())
			},
		}),
	}, nil
}

// Close disconnects from Redis.
func (c *Cache) Close() { _ = c.client.Close() } // nothing is lost with it

// Open reports whether the breaker is open and Redis not used, for a metric.
func (c *Cache) Open() bool { return c.breaker.State() == gobreaker.StateOpen }

// Claim is what Redis answers about a key.
type Claim struct {
	Kept  *record.Kept // a cached answer
	Token string       // of this claim, when this gateway has the key
	Held  bool         // another gateway has the key
}

// A key has one value in Redis, a claim or an answer, distinguished by its first byte, so that one command both asks and claims.
const (
	isClaim  = 'c' // and its token
	isAnswer = 'a' // and the fingerprint, and the 201's bytes
)

// nameOf is a key's name in Redis. The 2 is the form of the answers: one that was cached before there were chains is not the row's any more.
func nameOf(database string, k store.KeyOf) string {
	return "tillseal:record2:" + database + ":" + k.TerminalID + ":" + k.Key.String()
}

// mine begins the token of each of this process's claims.
func (c *Cache) mine() string { return string(isClaim) + c.owner + "/" }

// Claims asks for each key's cached answer and claims the key where there is no value, in one pipeline. Without Redis no key is held and none
// has an answer. The caller works on a key once at a time, so it does not wait for a claim of its own.
func (c *Cache) Claims(ctx context.Context, keys []store.KeyOf) []Claim {
	out := make([]Claim, len(keys))
	database := c.of()
	if database == "" {
		return out
	}
	replies, tokens := make([]*redis.StatusCmd, len(keys)), make([]string, len(keys))
	err := c.pipeline(ctx, func(p redis.Pipeliner) {
		for i, k := range keys {
			tokens[i] = c.mine() + strconv.FormatUint(c.claims.Add(1), 10)
			// NX with GET sets a missing value and answers with a present one: Redis 7.0 and Valkey have it, older ones refuse it, which
			// leaves the key unclaimed.
			replies[i] = p.SetArgs(ctx, nameOf(database, k), tokens[i], redis.SetArgs{Mode: "NX", Get: true, TTL: claimLife})
		}
	})
	if err != nil {
		return out
	}
	for i, reply := range replies {
		value, err := reply.Result()
		kept, answered := unpack(value)
		switch {
		case errors.Is(err, redis.Nil):
			out[i].Token = tokens[i]
		case err != nil:
		case answered:
			out[i].Kept = &kept
		case strings.HasPrefix(value, c.mine()):
			out[i].Token = value // of a refused record, and not released yet: nobody else works on the key
		case strings.HasPrefix(value, string(isClaim)):
			out[i].Held = true
		default: // not a value of ours: Postgres decides alone
		}
	}
	return out
}

// Done is a key whose work is done.
type Done struct {
	Key   store.KeyOf
	Kept  *record.Kept // nil: the record was refused and the key is free
	Token string       // of the claim
}

//go:embed release.lua
var releaseScript string

// Finish caches answers, in place of their claims, and releases the claims of keys that are free, in one pipeline. A failure does no harm:
// claims expire, and Postgres has the answers.
func (c *Cache) Finish(ctx context.Context, all []Done) {
	database := c.of()
	if database == "" {
		return
	}
	_ = c.pipeline(ctx, func(p redis.Pipeliner) {
		for _, s := range all {
			switch {
			case s.Kept != nil:
				p.Set(ctx, nameOf(database, s.Key), pack(*s.Kept), answerLife)
			case s.Token != "":
				p.Eval(ctx, releaseScript, []string{nameOf(database, s.Key)}, s.Token)
			}
		}
	})
}

// pipeline runs the queued commands within the budget. An error means that Redis did not answer; the errors of single commands are in their
// replies.
func (c *Cache) pipeline(ctx context.Context, queue func(redis.Pipeliner)) error {
	_, err := c.breaker.Execute(func() ([]redis.Cmder, error) {
		ctx, cancel := context.WithTimeout(ctx, budget)
		defer cancel()
		p := c.client.Pipeline()
		queue(p)
		done, err := p.Exec(ctx)
		if errors.Is(err, redis.Nil) { // a key that isn't there is an answer
			err = nil
		}
		return done, err
	})
	return err
}

// pack puts the fingerprint before the answer.
func pack(k record.Kept) []byte {
	packed := make([]byte, 0, 1+len(k.Fingerprint)+len(k.Answer))
	packed = append(append(packed, isAnswer), k.Fingerprint[:]...)
	return append(packed, k.Answer...)
}

func unpack(s string) (record.Kept, bool) {
	var k record.Kept
	if len(s) <= 1+len(k.Fingerprint) || s[0] != isAnswer {
		return k, false
	}
	copy(k.Fingerprint[:], s[1:])
	k.Answer = []byte(s[1+len(k.Fingerprint):])
	return k, true
}
