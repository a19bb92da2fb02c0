// Package api is the gateway's HTTP (DESIGN section 2). It reads requests, asks, and writes answers.
package api

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/loyalty"
	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/terminal"
	"github.com/tillseal/tillseal/shared/stream"
)

// Limits.
const (
	// bodyLimit is what the server reads of a body before it hangs up. It is above a record's limit, so that a till that overshoots
	// gets its 413 whole and not a broken connection.
	bodyLimit      = 1 << 20
	batchBodyLimit = record.MaxBatchBytes + 1<<20 // the same for a batch
	headerLimit    = 16 << 10
	maxConnections = 8192
	readTimeout    = 10 * time.Second // for one request; a till on a bad line sends 64 KiB in it
	batchTimeout   = 60 * time.Second // the same for a batch's 4 MiB
	writeTimeout   = 10 * time.Second
	idleTimeout    = 75 * time.Second // longer than the usual load balancer's, which should be the one to hang up
	stopTimeout    = 5 * time.Second  // for requests under way when the gateway stops
	preflightLife  = "600"            // seconds that a browser remembers CORS's answer
	maxBatches     = 16               // worked on at once: each may hold some 4 MiB
	// Receipts are asked for by anybody: more than this takes nothing from the tills.
	receiptsPerSecond = 100
	receiptsBurst     = 200
	// warningsPerSecond are log lines of requests that met a dependency which is away.
	warningsPerSecond = 1
	warningsBurst     = 10
)

// Server is the gateway's HTTP. Every exported field must be set.
type Server struct {
	Terminals *terminal.Registry
	Committer *commit.Committer
	Store     *store.Store
	Rules     *loyalty.Rules
	Bus       *stream.Bus
	Origins   []string // that a browser may call from; "*" for all
	Log       *slog.Logger
	Count     func(route string, status int) // of each request
	CountItem func(status int)               // of each record in a batch

	app      *fiber.App
	stopping atomic.Bool
	batches  chan struct{} // a slot for each batch that is worked on
	receipts *rate.Limiter
	warnings *rate.Limiter
}

// Serve answers on a listener until ctx ends and then until every request under way is answered.
func (s *Server) Serve(ctx context.Context, on net.Listener) error {
	knowing := &listener{Listener: on}
	s.build()
	served := make(chan error, 1)
	go func() { served <- s.app.Listener(knowing) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	knowing.stopping.Store(true)
	hangUp, hungUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hungUp()
	go knowing.hangUp(hangUp)
	err := s.app.ShutdownWithTimeout(stopTimeout)
	_ = on.Close() // a stop that overtook the start finds nothing to shut down
	if errors.Is(err, context.DeadlineExceeded) {
		s.Log.Warn("some connections did not end in time and were cut")
		err = nil
	}
	return errors.Join(err, <-served)
}

// build makes the application with its routes, listening to nobody yet.
func (s *Server) build() {
	s.batches = make(chan struct{}, maxBatches)
	s.receipts = rate.NewLimiter(receiptsPerSecond, receiptsBurst)
	s.warnings = rate.NewLimiter(warningsPerSecond, warningsBurst)
	s.app = fiber.New(fiber.Config{
		AppName: "tillseal gateway", DisableStartupMessage: true, CaseSensitive: true, StrictRouting: true, BodyLimit: bodyLimit, ReadBufferSize: headerLimit,
		Concurrency: maxConnections, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorHandler: func(c *fiber.Ctx, err error) error { s.refuse(c, err); return nil },
	})
	s.app.Server().CloseOnShutdown = true
	s.app.Server().Logger = quiet{s.Log}
	s.app.Server().HeaderReceived = limits
	s.routes()
}

// limits are a request's own: a batch is larger than the rest, and on a bad line longer on its way.
func limits(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
	path, _, _ := bytes.Cut(header.RequestURI(), []byte("?"))
	if _, absolute, ok := bytes.Cut(path, []byte("://")); ok { // RFC 9112, 3.2.2
		path = absolute[max(bytes.IndexByte(absolute, '/'), 0):]
	}
	if string(path) == pathBatch {
		return fasthttp.RequestConfig{MaxRequestBodySize: batchBodyLimit, ReadTimeout: batchTimeout}
	}
	return fasthttp.RequestConfig{}
}

func (s *Server) routes() {
	s.app.Use(s.observe, recover.New(), s.cors)
	s.app.Get("/healthz", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	s.app.Get("/readyz", s.ready)
	s.app.Get("/openapi.json", s.openAPI)
	s.app.Post("/record", s.authenticate, s.record)
	s.app.Post(pathBatch, s.authenticate, s.batch)
	s.app.Get("/idempotency/:key", s.authenticate, s.kept)
	s.app.Get("/sales/:id", s.authenticate, s.sale)
	s.app.Get("/sales/:id/proof", s.authenticate, s.proof)
	s.app.Get("/customers/:id/loyalty", s.authenticate, s.loyalty)
	s.app.Get("/customers/:id/loyalty/entries", s.authenticate, s.entries)
	s.app.Get("/receipts/:id", s.receipt)
}

const pathBatch = "/record/batch"

// observe names and counts requests, and writes what they failed with, so that the status that is counted is the one that is
// sent. Nothing is to be kept by whoever stands between: an answer is one terminal's, and true now.
func (s *Server) observe(c *fiber.Ctx) error {
	requestID(c)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	err := c.Next()
	switch {
	case err != nil && c.Method() == fiber.MethodOptions && errors.Is(err, fiber.ErrMethodNotAllowed):
		c.Status(fiber.StatusNoContent) // the header Allow says it all
	case err != nil:
		s.refuse(c, err)
	}
	route := "other" // a path that nobody knows is not a label
	if path := c.Route().Path; path != "/" {
		route = path
	}
	s.Count(route, c.Response().StatusCode())
	return nil
}

type requestIDKey struct{}

// requestID is what the caller calls the request, or a new UUID; it stands in the answer, in problems and in log lines. Taken are
// 8 to 64 letters, digits and hyphens, so that neither a key nor much else that is secret can stand there.
func requestID(c *fiber.Ctx) string {
	if id, ok := c.Locals(requestIDKey{}).(string); ok {
		return id
	}
	id := string(c.Request().Header.Peek(fiber.HeaderXRequestID))
	if !validRequestID(id) {
		id = uuid.NewString()
	}
	c.Locals(requestIDKey{}, id)
	c.Set(fiber.HeaderXRequestID, id)
	return id
}

func validRequestID(id string) bool {
	const shortest, longest = 8, 64
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	}
	return len(id) >= shortest && len(id) <= longest && !strings.ContainsFunc(id, other)
}

// log is the server's, with the request's id.
func (s *Server) log(c *fiber.Ctx) *slog.Logger { return s.Log.With("request_id", requestID(c)) }

// warn logs a dependency's failure with the request that met it. While it lasts every request meets it: some of them will do.
func (s *Server) warn(c *fiber.Ctx, what string, err error) {
	if s.warnings.Allow() {
		s.log(c).Warn("a request could not be answered", "what", what, "error", err)
	}
}

// cors lets browsers on the allowed origins call, and answers their preflights.
func (s *Server) cors(c *fiber.Ctx) error {
	if len(s.Origins) == 0 {
		return c.Next()
	}
	c.Vary(fiber.HeaderOrigin)
	origin := c.Get(fiber.HeaderOrigin)
	preflight := c.Method() == fiber.MethodOptions && c.Get(fiber.HeaderAccessControlRequestMethod) != ""
	if origin != "" && s.allowed(origin) {
		c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
		c.Set(fiber.HeaderAccessControlExposeHeaders, "Idempotency-Replayed, Retry-After, X-Request-Id")
		if preflight {
			c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
			c.Set(fiber.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Idempotency-Key, X-Request-Id, traceparent")
			c.Set(fiber.HeaderAccessControlMaxAge, preflightLife)
		}
	}
	if preflight {
		return c.SendStatus(fiber.StatusNoContent)
	}
	return c.Next()
}

func (s *Server) allowed(origin string) bool {
	for _, o := range s.Origins {
		if o == "*" || strings.EqualFold(o, origin) {
			return true
		}
	}
	return false
}

// ready says whether the gateway takes sales: it is not stopping, and Postgres answers.
func (s *Server) ready(c *fiber.Ctx) error {
	switch {
	case s.stopping.Load():
		return errStopping
	case s.Store.Ping(c.UserContext()) != nil:
		return errStoreAway
	}
	return c.JSON(fiber.Map{"status": "ready"})
}

type terminalKey struct{}

// authenticate lets a terminal in that is known, active and not too fast.
func (s *Server) authenticate(c *fiber.Ctx) error {
	sent := c.Request().Header.PeekAll(fiber.HeaderAuthorization)
	if len(sent) > 1 { // whoever stands between may have looked at the other one
		return terminal.ErrUnauthenticated
	}
	t, err := s.Terminals.Authenticate(c.UserContext(), c.Get(fiber.HeaderAuthorization))
	if err != nil {
		return err
	}
	if err := s.Terminals.Allow(t.ID); err != nil {
		return err
	}
	c.Locals(terminalKey{}, t)
	return c.Next()
}

func terminalOf(c *fiber.Ctx) store.Terminal {
	t, _ := c.Locals(terminalKey{}).(store.Terminal)
	return t
}

// quiet keeps fasthttp's log at debug: it is about clients that hang up, and quotes what they sent.
type quiet struct{ log *slog.Logger }

var _ fasthttp.Logger = quiet{}

func (q quiet) Printf(format string, args ...any) {
	q.log.Debug("HTTP", "format", format, "values", strconv.Itoa(len(args)))
}
