package api

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/singleflight"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

const (
	// keysLife is how long the keys are kept: a key of another gateway's is served within it.
	keysLife    = 5 * time.Second
	keysCached  = "public, max-age=60"
	keysContent = "application/jwk-set+json" // RFC 7517, section 8.5.2
)

var errManyKeys = refusal.Later(refusal.RateLimited, time.Second, "the keys are being asked for too often: try again")

// keySet keeps the keys that ever signed promises, as a JWK set (RFC 7517). Use by many goroutines is safe.
type keySet struct {
	kept    atomic.Pointer[keptKeys]
	reading singleflight.Group // whoever asks while they are read waits for that, and not one after another
}

type keptKeys struct {
	body []byte
	at   time.Time
}

// jwks answers anybody.
func (s *Server) jwks(c *fiber.Ctx) error {
	if !s.keyAsks.Allow() {
		return errManyKeys
	}
	body, err := s.keys.get(c.UserContext(), s.now(), s.Store.PromiseKeys)
	if err != nil {
		s.warn(c, "the keys", err)
		return errStoreAway
	}
	c.Set(fiber.HeaderCacheControl, keysCached)
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*") // a verifier that needs no shop is a page of nobody's
	c.Set(fiber.HeaderContentType, keysContent)
	return c.Send(body)
}

// get returns the keys, those of before while Postgres does not answer: none is ever taken back.
func (k *keySet) get(ctx context.Context, now time.Time, read func(context.Context) ([]string, error)) ([]byte, error) {
	if kept := k.kept.Load(); kept != nil && now.Sub(kept.at) < keysLife {
		return kept.body, nil
	}
	_, err, _ := k.reading.Do("", func() (any, error) {
		keys, err := read(context.WithoutCancel(ctx)) // for all who wait
		before := k.kept.Load()
		switch {
		case err == nil:
			k.kept.Store(&keptKeys{body: []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`), at: now})
		case before == nil:
			return nil, err
		default:
			k.kept.Store(&keptKeys{body: before.body, at: now}) // not every request waits for a Postgres that does not answer
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return k.kept.Load().body, nil
}
