// Package api is the gateway's HTTP (infra/docs/CONTRACT.md, 2). It reads requests, hands them to the other packages, and writes answers.
package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"github.com/tillseal/tillseal/services/gateway/internal/closer"
	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/services/gateway/internal/terminal"
	"github.com/tillseal/tillseal/services/gateway/internal/tripwire"
	"github.com/tillseal/tillseal/services/gateway/internal/wire"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/stream"
)

// Limits.
const (
	stopTimeout   = 5 * time.Second // for requests in progress when the gateway stops
	preflightLife = "600"           // seconds that a browser remembers CORS's answer
	maxBatches    = 16              // in progress at once: each may hold some 4 MiB
	// Receipts, the contract's log and the promises' keys are open to anybody: each has this limit, which keeps it from slowing the tills
	// and the others.
	publicPerSecond = 100
	publicBurst     = 200
	// warningsPerSecond are log lines of requests that failed on an unavailable dependency, and of connections that were not kept.
	warningsPerSecond = 1
	warningsBurst     = 10
)

// Limits are those of connections; a zero field is as in Usual.
type Limits struct {
	Read, Batch time.Duration // for one request to arrive in full, and for a terminal's batch
	Write       time.Duration // for the client to read an answer
	Idle        time.Duration // between two requests
	Connections int           // at a time
	Strangers   int           // of them from one address without an authenticated request so far
	Terminal    int           // of them that one terminal has as its own: more are counted as strangers
}

// Usual are the limits of a gateway.
var Usual = Limits{
	Read:        10 * time.Second, // a till on a bad line sends 64 KiB in it
	Batch:       60 * time.Second, // and 4 MiB in this
	Write:       10 * time.Second,
	Idle:        75 * time.Second, // a load balancer that reads HTTP should time out earlier, one that passes bytes on later
	Connections: maxConnections,
	Strangers:   maxStrangers,
	Terminal:    maxTerminal,
}

func (l Limits) orUsual() Limits {
	return Limits{
		cmp.Or(l.Read, Usual.Read), cmp.Or(l.Batch, Usual.Batch), cmp.Or(l.Write, Usual.Write), cmp.Or(l.Idle, Usual.Idle),
		cmp.Or(l.Connections, Usual.Connections), cmp.Or(l.Strangers, Usual.Strangers), cmp.Or(l.Terminal, Usual.Terminal),
	}
}

// Server is the gateway's HTTP. Every exported field but Limits, Origins and Proxies must be set.
type Server struct {
	Terminals *terminal.Registry
	Committer *commit.Committer
	Closer    *closer.Closer
	Store     *store.Store
	Wire      *tripwire.Wire
	Prepared  func() bool // whether sales may be recorded in the database that answers
	Rules     *loyalty.Rules
	Bus       *stream.Bus
	Receipts  Receipts
	Origins   []string       // that a browser may call from; "*" for all
	Proxies   []netip.Prefix // whose connections carry many callers
	Limits    Limits
	Log       *slog.Logger
	Count     func(route string, status int) // of each request
	CountItem func(status int)               // of each record in a batch
	CountEnd  func(why string)               // of each connection that was refused or closed to make room

	app      *fiber.App
	door     atomic.Pointer[listener]
	stopping atomic.Bool
	within   Limits
	bodies   room
	batches  chan struct{} // a slot for each batch in progress
	checking chan struct{} // and for each check of what is read
	receipts *rate.Limiter
	follows  *rate.Limiter // of receipts' states
	parts    *rate.Limiter // of their page
	logs     *rate.Limiter
	keyAsks  *rate.Limiter
	keys     keySet
	rates    rateSet
	warnings *rate.Limiter    // of requests
	crowded  *rate.Limiter    // the same of connections
	now      func() time.Time // time.Now when nil
}

// Serve answers on a listener until ctx ends and then until every request in progress is answered.
func (s *Server) Serve(ctx context.Context, on net.Listener) error {
	s.build()
	knowing := s.door.Load()
	knowing.Listener = on
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
	_ = on.Close() // when the stop came before the start, there was nothing to shut down
	if errors.Is(err, context.DeadlineExceeded) {
		s.Log.Warn("some connections did not end in time and were cut")
		err = nil
	}
	return errors.Join(err, <-served)
}

// build makes the application with its routes, not listening yet.
func (s *Server) build() {
	s.batches = make(chan struct{}, maxBatches)
	s.checking = make(chan struct{}, maxChecking)
	s.receipts = rate.NewLimiter(publicPerSecond, publicBurst)
	s.parts = rate.NewLimiter(publicPerSecond*rate.Limit(len(parts)), publicBurst*len(parts))
	s.follows = rate.NewLimiter(publicPerSecond, publicBurst)
	s.logs = rate.NewLimiter(publicPerSecond, publicBurst)
	s.keyAsks = rate.NewLimiter(publicPerSecond, publicBurst)
	s.warnings = rate.NewLimiter(warningsPerSecond, warningsBurst)
	s.crowded = rate.NewLimiter(warningsPerSecond, warningsBurst)
	s.bodies = room{whole: bodyRoom, each: terminalRoom}
	s.within = s.Limits.orUsual()
	limits := s.within
	if s.now == nil {
		s.now = time.Now
	}
	s.door.Store(&listener{
		crowd: crowd{
			limit: s.fitting(limits.Connections), strangers: limits.Strangers, each: limits.Terminal, trusted: s.Proxies, now: s.now,
		},
		readTimeout: limits.Read, full: s.full, ended: s.connectionEnded, turnedAway: make(chan struct{}, maxTurnedAway),
	})
	s.app = fiber.New(fiber.Config{
		AppName: "tillseal gateway", DisableStartupMessage: true, CaseSensitive: true, StrictRouting: true, ReadBufferSize: wire.MaxHead,
		ReadTimeout: limits.Read, WriteTimeout: limits.Write, IdleTimeout: limits.Idle,
		// The door's limit is to be reached first: a worker of fasthttp's outlives its connection for a moment.
		Concurrency: 2 * limits.Connections,
		// A body is read by its handler, once the terminal is known. fasthttp would allocate its whole length when the first byte has
		// come.
		StreamRequestBody: true, BodyLimit: readAhead,
		// A form is a body like any other, of the wrong type.
		DisablePreParseMultipartForm: true,
		JSONEncoder:                  event.PlainJSON,
		ErrorHandler:                 func(c *fiber.Ctx, err error) error { s.refuse(c, err); return nil },
	})
	server := s.app.Server()
	server.CloseOnShutdown = true
	server.Logger = quiet{s.Log}
	server.ErrorHandler = s.unread
	handle := server.Handler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		if !slices.Contains(fiber.DefaultMethods, string(ctx.Method())) {
			ctx.Request.Header.SetMethod(fiber.MethodTrace) // fiber answers in plain text where it has no name for a method
		}
		handle(ctx)
		leave(ctx)
	}
	s.routes()
}

func (s *Server) routes() {
	s.app.Use(s.observe, recover.New(), s.cors)
	s.app.Get("/healthz", func(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	s.app.Get("/readyz", s.ready)
	s.app.Get("/openapi.json", s.openAPI)
	s.app.Post("/record", s.authenticate, s.record)
	s.app.Post(pathBatch, s.authenticate, s.batch)
	s.app.Get("/idempotency/:key", s.authenticate, s.kept)
	s.app.Get("/sales", s.authenticate, s.sales)
	s.app.Get("/sales/:id", s.authenticate, s.sale)
	s.app.Get("/sales/:id/proof", s.authenticate, s.proof)
	s.app.Get("/loyalty/rules", s.authenticate, s.loyaltyRules)
	s.app.Get("/currencies", s.authenticate, s.currencies)
	s.app.Get("/customers/:id/loyalty", s.authenticate, s.loyalty)
	s.app.Get("/customers/:id/loyalty/entries", s.authenticate, s.entries)
	s.app.Post("/closings", s.authenticate, s.closeTill)
	s.app.Get("/closings", s.authenticate, s.closings)
	s.app.Get("/closings/:n", s.authenticate, s.closing)
	s.app.Get("/receipts/:id", s.receipt)
	s.app.Get("/receipts/:id/status", s.receiptStatus)
	s.app.Get("/receipts/:id/proof", s.receiptProof)
	s.app.Get("/assets/:name", s.asset)
	s.app.Get("/.well-known/jwks.json", s.jwks)
	s.app.Get("/log", s.logHead)
	s.app.Get("/log/:batch_id", s.logEntry)
}

const pathBatch = "/record/batch"

// observe names and counts requests, and writes their errors, so that the status that is counted is the one that is sent. No cache may keep
// an answer, unless its handler allows it: it is for one terminal, and true now.
func (s *Server) observe(c *fiber.Ctx) error {
	private(c)
	err := c.Next()
	switch {
	case err != nil && c.Method() == fiber.MethodOptions && errors.Is(err, fiber.ErrMethodNotAllowed):
		c.Status(fiber.StatusNoContent) // the Allow header is the answer
	case err != nil:
		s.refuse(c, err)
	}
	route := "other" // an unknown path is not a label
	if path := c.Route().Path; path != "/" {
		route = path
	}
	s.Count(route, c.Response().StatusCode())
	return nil
}

// private names a request, and forbids caches to keep its answer.
func private(c *fiber.Ctx) {
	requestID(c)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
}

// unread answers what fasthttp could not read, and counts it.
func (s *Server) unread(ctx *fasthttp.RequestCtx, _ error) {
	c := s.app.AcquireCtx(ctx)
	defer s.app.ReleaseCtx(c)
	private(c)
	s.allowOrigin(c)
	s.refuse(c, whyUnread(ctx))
	s.Count("other", c.Response().StatusCode())
}

func whyUnread(ctx *fasthttp.RequestCtx) error {
	if c, ok := ctx.Conn().(*conn); ok && c.failed != nil {
		return c.failed
	}
	return errNotHTTP
}

type requestIDKey struct{}

// requestID is the caller's id for the request, or a new UUID; it is in the answer, in problems and in log lines. Valid are 8 to 64 letters,
// digits and hyphens, so that neither a key nor much else that is secret can appear there.
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

// log is the server's log, with the request's id.
func (s *Server) log(c *fiber.Ctx) *slog.Logger { return s.Log.With("request_id", requestID(c)) }

// warn logs a dependency's failure with the request that it failed. While it lasts it fails every request: only some of them are logged.
func (s *Server) warn(c *fiber.Ctx, what string, err error) {
	if s.warnings.Allow() {
		s.log(c).Warn("a request could not be answered", "what", what, "error", err)
	}
}

// ready answers whether the gateway takes sales: it is not stopping, and Postgres answers.
func (s *Server) ready(c *fiber.Ctx) error {
	switch {
	case s.stopping.Load():
		return errStopping
	case s.Store.Ping(c.UserContext()) != nil:
		return errStoreAway
	case !s.Prepared():
		return errPreparing
	}
	return c.JSON(fiber.Map{"status": "ready"})
}

type terminalKey struct{}

// authenticate lets a terminal in that is known, active and within its rate.
func (s *Server) authenticate(c *fiber.Ctx) error {
	sent := c.Request().Header.PeekAll(fiber.HeaderAuthorization)
	if len(sent) > 1 { // a proxy may have checked the other one
		return terminal.ErrNotBearer
	}
	t, err := s.Terminals.Authenticate(c.UserContext(), c.Get(fiber.HeaderAuthorization))
	if err != nil {
		return err
	}
	if c, ok := c.Context().Conn().(*conn); ok {
		c.authenticated(t.ID)
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
