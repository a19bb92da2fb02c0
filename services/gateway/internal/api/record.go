package api

import (
	"mime"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
)

const (
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotency-Replayed"
	retryAfter     = time.Second
)

var (
	errMediaType = refusal.New(refusal.MediaType, "send application/json in UTF-8, without a Content-Encoding")
	errStoreAway = refusal.Later(refusal.StoreUnavailable, retryAfter, "the database does not answer: send it again")
	errPreparing = refusal.Later(refusal.StoreUnavailable, retryAfter, commit.Preparing)
	errStopping  = refusal.Later(refusal.StoreUnavailable, retryAfter, "this gateway is stopping: send it again")
)

// record records one record.
func (s *Server) record(c *fiber.Ctx) error {
	if err := mediaType(c); err != nil {
		return err
	}
	received, done, err := s.body(c, record.MaxBytes, s.within.Read, record.ErrTooLarge)
	if err != nil {
		return err
	}
	defer done()
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	rec, err := record.Decode(received)
	if err != nil {
		return err
	}
	t := terminalOf(c)
	answer, replayed, err := s.Committer.Record(commit.Item{TerminalID: t.ID, StoreID: t.StoreID, Key: key, Record: rec}, traceOf(c))
	if err != nil {
		return err
	}
	created(c, answer, replayed)
	return nil
}

// created answers with the 201 of a record, the first time or again.
func created(c *fiber.Ctx, answer []byte, replayed bool) {
	if replayed {
		c.Set(headerReplayed, "true")
	}
	c.Status(fiber.StatusCreated)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Response().SetBody(answer)
}

func mediaType(c *fiber.Ctx) error {
	encoded := slices.ContainsFunc(c.Request().Header.PeekAll(fiber.HeaderContentEncoding), func(e []byte) bool { return len(e) > 0 })
	sent := c.Get(fiber.HeaderContentType)
	if sent == fiber.MIMEApplicationJSON && !encoded { // as almost every till writes it
		return nil
	}
	kind, params, err := mime.ParseMediaType(sent)
	charset := params["charset"]
	if err != nil || encoded || kind != fiber.MIMEApplicationJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return errMediaType
	}
	return nil
}

func idempotencyKey(c *fiber.Ctx) (uuid.UUID, error) {
	sent := c.Request().Header.PeekAll(headerKey)
	switch len(sent) {
	case 0:
		return record.ParseKey("")
	case 1:
		return record.ParseKey(string(sent[0]))
	}
	return uuid.Nil, refusal.New(refusal.KeyInvalid, "the Idempotency-Key header is repeated")
}

var traceparent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// traceOf continues the caller's trace (W3C Trace Context), if it sent one.
func traceOf(c *fiber.Ctx) event.Trace {
	if sent := c.Request().Header.Peek("traceparent"); traceparent.Match(sent) {
		return event.Trace(string(sent))
	}
	return ""
}
