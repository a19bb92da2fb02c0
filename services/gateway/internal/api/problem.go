package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
)

// kinds is the table of errors in infra/docs/CONTRACT.md, 2.5.
var kinds = map[refusal.Code]struct {
	status int
	title  string
}{
	refusal.KeyMissing:       {http.StatusBadRequest, "Idempotency-Key missing"},
	refusal.KeyInvalid:       {http.StatusBadRequest, "Idempotency-Key invalid"},
	refusal.MalformedJSON:    {http.StatusBadRequest, "Malformed JSON"},
	refusal.Unauthenticated:  {http.StatusUnauthorized, "Not authenticated"},
	refusal.Forbidden:        {http.StatusForbidden, "Forbidden"},
	refusal.NotFound:         {http.StatusNotFound, "Not found"},
	refusal.MethodNotAllowed: {http.StatusMethodNotAllowed, "Method not allowed"},
	refusal.InFlight:         {http.StatusConflict, "Request in flight"},
	refusal.SeqReused:        {http.StatusConflict, "Terminal sequence number reused"},
	refusal.NotAnchoredYet:   {http.StatusConflict, "Not anchored yet"},
	refusal.Parked:           {http.StatusConflict, "Parked"},
	refusal.Altered:          {http.StatusConflict, "Record altered"},
	refusal.RequestTimeout:   {http.StatusRequestTimeout, "Request timeout"},
	refusal.LengthRequired:   {http.StatusLengthRequired, "Length required"},
	refusal.BodyTooLarge:     {http.StatusRequestEntityTooLarge, "Body too large"},
	refusal.MediaType:        {http.StatusUnsupportedMediaType, "Unsupported media type"},
	refusal.RateLimited:      {http.StatusTooManyRequests, "Rate limited"},
	refusal.KeyReused:        {http.StatusUnprocessableEntity, "Idempotency-Key reused"},
	refusal.InvalidRecord:    {http.StatusUnprocessableEntity, "Invalid record"},
	refusal.TotalsMismatch:   {http.StatusUnprocessableEntity, "Totals mismatch"},
	refusal.FewPoints:        {http.StatusUnprocessableEntity, "Insufficient points"},
	refusal.RefundExceeds:    {http.StatusUnprocessableEntity, "Refund exceeds sale"},
	refusal.Overloaded:       {http.StatusServiceUnavailable, "Overloaded"},
	refusal.StoreUnavailable: {http.StatusServiceUnavailable, "Store unavailable"},
	refusal.CommitUnknown:    {http.StatusServiceUnavailable, "Commit unknown"},
	refusal.LedgerAway:       {http.StatusServiceUnavailable, "Ledger unavailable"},
	refusal.Internal:         {http.StatusInternalServerError, "Internal error"},
	refusal.BadRequest:       {http.StatusBadRequest, "Bad request"},
}

// problem is a body of application/problem+json (RFC 9457).
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Code   refusal.Code `json:"code"`
	Detail string       `json:"detail"`
	// Instance is the request's id as a URN, by which its log lines are found.
	Instance string          `json:"instance"`
	Errors   []refusal.Field `json:"errors,omitempty"`
	SaleID   string          `json:"sale_id,omitempty"` // the earlier record that is in the way
}

// refuse writes err as a problem. An error that is not a refusal is our own failure: it is logged, and the client learns nothing of it.
func (s *Server) refuse(c *fiber.Ctx, err error) {
	why := refusal.Of(err)
	if why == nil {
		why = s.foreign(c, err)
	}
	kind := kinds[why.Code]
	body := s.problem(c, why)
	if why.RetryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, seconds(why.RetryAfter))
	}
	if why.Code == refusal.Unauthenticated {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	c.Status(kind.status)
	c.Response().SetBodyRaw(body)
	c.Set(fiber.HeaderContentType, "application/problem+json")
}

// problem is the body for a refusal.
func (s *Server) problem(c *fiber.Ctx, why *refusal.Error) []byte {
	body, err := problemOf(why, requestID(c))
	if err != nil {
		s.log(c).Error("a problem could not be encoded", "error", err)
	}
	return body
}

func problemOf(why *refusal.Error, requestID string) ([]byte, error) {
	kind := kinds[why.Code]
	return event.PlainJSON(problem{
		Type: "urn:tillseal:problem:" + string(why.Code), Title: kind.title, Status: kind.status, Code: why.Code, Detail: why.Sentence(),
		Instance: "urn:tillseal:request:" + requestID, Errors: why.Fields, SaleID: why.SaleID,
	})
}

// seconds writes Retry-After, at least 1.
func seconds(d time.Duration) string { return strconv.FormatInt(max(int64(d/time.Second), 1), 10) }

// foreign makes a refusal of an error of the HTTP library or of a bug of ours.
func (s *Server) foreign(c *fiber.Ctx, err error) *refusal.Error {
	var e *fiber.Error
	if !errors.As(err, &e) {
		s.log(c).Error("a request failed", "error", err)
		return refusal.New(refusal.Internal, "the request failed: send it again with the same Idempotency-Key")
	}
	switch e.Code {
	case fiber.StatusNotFound:
		return refusal.New(refusal.NotFound, "there is nothing at this path")
	case fiber.StatusMethodNotAllowed:
		return refusal.New(refusal.MethodNotAllowed, "this path does not allow this method; see the Allow header")
	case fiber.StatusInternalServerError:
		s.log(c).Error("a request failed", "error", err)
		return refusal.New(refusal.Internal, "the request failed: send it again with the same Idempotency-Key")
	}
	return errNotHTTP
}

var errNotHTTP = refusal.New(refusal.BadRequest, "the request is not valid HTTP/1.1 or 1.0")
