// Package refusal has the one error that a till receives: a stable code, and which fields were wrong (infra/docs/CONTRACT.md, 2.5).
package refusal

import (
	"errors"
	"strconv"
	"time"
)

// Code is the error for programs.
type Code string

// The codes.
const (
	KeyMissing       Code = "IDEMPOTENCY_KEY_MISSING"
	KeyInvalid       Code = "IDEMPOTENCY_KEY_INVALID"
	KeyReused        Code = "IDEMPOTENCY_KEY_REUSED"
	MalformedJSON    Code = "MALFORMED_JSON"
	Unauthenticated  Code = "UNAUTHENTICATED"
	Forbidden        Code = "FORBIDDEN"
	NotFound         Code = "NOT_FOUND"
	MethodNotAllowed Code = "METHOD_NOT_ALLOWED"
	InFlight         Code = "REQUEST_IN_FLIGHT"
	SeqReused        Code = "TERMINAL_SEQ_REUSED"
	NotAnchoredYet   Code = "NOT_ANCHORED_YET"
	Parked           Code = "PARKED"
	Altered          Code = "RECORD_ALTERED"
	BodyTooLarge     Code = "BODY_TOO_LARGE"
	MediaType        Code = "UNSUPPORTED_MEDIA_TYPE"
	RateLimited      Code = "RATE_LIMITED"
	InvalidRecord    Code = "INVALID_RECORD"
	TotalsMismatch   Code = "TOTALS_MISMATCH"
	FewPoints        Code = "INSUFFICIENT_POINTS"
	RefundExceeds    Code = "REFUND_EXCEEDS_SALE"
	Overloaded       Code = "OVERLOADED"
	StoreUnavailable Code = "STORE_UNAVAILABLE"
	CommitUnknown    Code = "COMMIT_UNKNOWN"
	LedgerAway       Code = "LEDGER_UNAVAILABLE"

	// Of the transport, and our own bugs: requests that are not valid HTTP or have a wrong parameter, that did not arrive in full in time, or
	// whose body has a Transfer-Encoding.
	BadRequest     Code = "BAD_REQUEST"
	RequestTimeout Code = "REQUEST_TIMEOUT"
	LengthRequired Code = "LENGTH_REQUIRED"
	Internal       Code = "INTERNAL"
)

// Field is one wrong member of a record: where it is (a JSON pointer, RFC 6901) and what is wrong with it, amounts and quantities included, as the
// rest of a sentence that begins with its name. It may say what a customer has, which its till may know: it is never logged.
type Field struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// Error is a refusal. Its text holds neither keys nor a customer's data, so that it can be logged.
type Error struct {
	Code       Code
	Detail     string
	Fields     []Field
	SaleID     string        // an earlier record that is in the way; "" for none
	RetryAfter time.Duration // 0: trying again won't help
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Sentence says what is wrong for people, who may see nothing else: with the first of the fields. It may say what a customer has.
func (e *Error) Sentence() string {
	if len(e.Fields) == 0 {
		return e.Detail
	}
	first, more := e.Fields[0], len(e.Fields)-1
	text := e.Detail + ": "
	if first.Pointer != "" {
		text += first.Pointer + " "
	}
	text += first.Detail
	if more > 0 {
		text += " (and " + strconv.Itoa(more) + " more)"
	}
	return text
}

// New makes a refusal for good.
func New(code Code, detail string, fields ...Field) *Error {
	return &Error{Code: code, Detail: detail, Fields: fields}
}

// Later makes a refusal for now.
func Later(code Code, after time.Duration, detail string) *Error {
	return &Error{Code: code, Detail: detail, RetryAfter: after}
}

// Of returns the refusal in err, nil when there is none.
func Of(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}
