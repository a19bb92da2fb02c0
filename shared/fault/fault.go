// Package fault gives every error one kind, so that one place can act on it.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind says what can be done about an error.
type Kind int

// The kinds. Unknown is what an error has that nobody classified: it is logged loudly and treated as Transient
// where work is retried, and as an internal error where somebody waits for an answer.
const (
	Unknown   Kind = iota
	Invalid        // the input is wrong and stays wrong: tell whoever sent it, never retry
	Conflict       // somebody else was first or the state moved on: read again and decide anew
	Transient      // a dependency is away or slow: the same call may succeed later
	Fatal          // going on would do harm: stop and let a person look
	Forged         // Invalid, and no service of ours said it: it tells nothing about what it names, and what it names is held back by nothing
)

// String names the kind as it stands in logs.
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

// KindOf returns the outermost kind of err. A cancelled or expired context that nobody classified is Transient:
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

// Is reports whether err has kind k.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }
