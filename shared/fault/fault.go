// Package fault gives every error one kind, so that one place can act on it.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind is what can be done about an error.
type Kind int

// The kinds. Unknown is the kind of an error that was not classified: it is logged as an error, and treated as Transient where work is
// retried and as an internal error where a caller waits for an answer.
const (
	Unknown   Kind = iota
	Invalid        // the input is wrong and stays wrong: report it to whoever sent it, never retry
	Conflict       // another was first or the state changed meanwhile: read and decide again
	Transient      // a dependency is unavailable or slow: the same call may succeed later
	Fatal          // going on would do harm: stop, a person must act
	Forged         // Invalid, and not published by a service of ours: it proves nothing about the sale that it names and does not hold it up
)

// String names the kind for logs.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case Conflict:
		return "conflict"
	case Transient:
		return "transient"
	case Fatal:
		return "fatal"
	case Forged:
		return "forged"
	case Unknown:
	}
	return "unknown"
}

// kindError is an error with its kind; the text is the wrapped error's alone, since a kind is for programs.
type kindError struct {
	kind Kind
	err  error
}

func (e *kindError) Error() string { return e.err.Error() }
func (e *kindError) Unwrap() error { return e.err }

// New returns an error of kind k; format may hold %w.
func New(k Kind, format string, args ...any) error {
	return &kindError{kind: k, err: fmt.Errorf(format, args...)}
}

// WithKind gives err the kind k, replacing any it has. A nil err stays nil.
func WithKind(k Kind, err error) error {
	if err == nil {
		return nil
	}
	return &kindError{kind: k, err: err}
}

// KindOf returns the outermost kind of err. A cancelled or expired context that was not classified is Transient:
// the work was cut off, not refused.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*kindError](err); ok {
		return e.kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Transient
	}
	return Unknown
}

// Has reports whether somebody gave err a kind; the end of a context alone is none.
func Has(err error) bool {
	_, has := errors.AsType[*kindError](err)
	return has
}

// Is reports whether err has kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }
