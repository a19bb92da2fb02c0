package api

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

const (
	// keysLife is how long the keys are kept: a key of another gateway's is served within it.
	keysLife    = 5 * time.Second
	keysCached  = "public, max-age=60"
	keysContent = "application/jwk-set+json" // RFC 7517, section 8.5.2
)

var errManyKeys = refusal.Later(refusal.RateLimited, time.Second, "the keys are being asked for too often: try again")

// keySet keeps the keys that ever signed promises, as a JWK set (RFC 7517).
type keySet struct {
	mu   sync.Mutex
	body []byte
	read time.Time
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
	c.Set(fiber.HeaderContentType, keysContent)
	return c.Send(body)
}

// get returns the keys, those of before while Postgres does not answer: none is ever taken back.
func (k *keySet) get(ctx context.Context, now time.Time, read func(context.Context) ([]string, error)) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.body != nil && now.Sub(k.read) < keysLife {
		return k.body, nil
	}
	keys, err := read(ctx)
	switch {
	case err == nil:
		k.body, k.read = []byte(`{"keys":[`+strings.Join(keys, ",")+`]}`), now
	case k.body == nil:
		return nil, err
	default:
		k.read = now // not every request waits for a Postgres that does not answer
	}
	return k.body, nil
}
