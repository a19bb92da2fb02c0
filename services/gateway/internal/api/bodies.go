package api

import (
	"io"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// Limits of bodies. An announced length alone costs no memory: fasthttp reads the beginning of a body, and the rest is read once it is known
// which terminal sends it, into room that is counted.
const (
	readAhead    = 8 << 10                  // bytes of a body that fasthttp reads before it hands the request over
	maxSkipped   = record.MaxBytes          // of a body that is not used: a till whose record is refused keeps its connection
	bodyRoom     = 128 << 20                // for all bodies beyond readAhead that are being received or processed
	terminalRoom = 4 * record.MaxBatchBytes // of it for one terminal
)

var errManyBodies = refusal.Later(refusal.Overloaded, retryAfter, "too many large bodies are in progress, from this terminal or in all: send it again")

// room counts the bytes of bodies, by the terminal that sends them.
type room struct {
	whole, each int

	mu    sync.Mutex
	taken int
	by    map[string]int
}

// take reports whether there was room for n more bytes.
func (r *room) take(terminal string, n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken+n > r.whole || r.by[terminal]+n > r.each {
		return false
	}
	if r.by == nil {
		r.by = make(map[string]int)
	}
	r.taken += n
	r.by[terminal] += n
	return true
}

// free gives room back that was taken.
func (r *room) free(terminal string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= n
	if r.by[terminal] -= n; r.by[terminal] == 0 {
		delete(r.by, terminal)
	}
}

// body reads what a terminal sends, at most limit bytes within a time. The caller may keep it, and calls done once it is processed.
func (s *Server) body(c *fiber.Ctx, limit int, within time.Duration, tooLarge error) (body []byte, done func(), err error) {
	size := max(c.Request().Header.ContentLength(), 0)
	if size > limit {
		return nil, nil, tooLarge
	}
	done = func() {}
	if size > readAhead {
		id := terminalOf(c).ID
		if !s.bodies.take(id, size) {
			return nil, nil, errManyBodies
		}
		done = func() { s.bodies.free(id, size) }
		if err := c.Context().Conn().SetReadDeadline(time.Now().Add(within)); err != nil {
			done()
			return nil, nil, err
		}
	}
	body = make([]byte, size)
	if _, err := io.ReadFull(c.Request().BodyStream(), body); size > 0 && err != nil {
		done()
		c.Context().SetConnectionClose()
		return nil, nil, whyUnread(c.Context())
	}
	if size > readAhead {
		c.Context().SetUserValue(wholeBody{}, true)
	}
	return body, done, nil
}

// wholeBody marks a request whose body was read in full.
type wholeBody struct{}

// leave disposes of the unread rest of a body, which is not the next request: a small one is read, so that the connection can be kept; with a
// large one the connection is closed.
func leave(ctx *fasthttp.RequestCtx) {
	size, rest := ctx.Request.Header.ContentLength(), ctx.Request.BodyStream()
	switch {
	case size <= readAhead || rest == nil || ctx.UserValue(wholeBody{}) != nil:
	case size > maxSkipped:
		ctx.SetConnectionClose()
	default:
		_, _ = io.Copy(io.Discard, rest) // fasthttp closes the connection when it failed
	}
}
