package record

import (
	"strings"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

const uuidLength = 36 // with hyphens: the only form accepted

// ParseID reads a UUID in its usual form, in any case.
func ParseID(text string) (uuid.UUID, bool) {
	if len(text) != uuidLength {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil
}

// ParseKey reads an Idempotency-Key: a UUID v4 (RFC 9562), bare or in double quotes (a Structured Fields string, as
// draft-ietf-httpapi-idempotency-key-header requires it), in any case.
func ParseKey(header string) (uuid.UUID, error) {
	text := strings.TrimSpace(header)
	if text == "" {
		return uuid.Nil, refusal.New(refusal.KeyMissing, "send the Idempotency-Key header with a UUID v4 that is new for each record and the same for each retry")
	}
	if inner, opened := strings.CutPrefix(text, `"`); opened {
		bare, closed := strings.CutSuffix(inner, `"`)
		if !closed {
			return uuid.Nil, errKeyInvalid
		}
		text = bare
	}
	key, ok := parseBareKey(text)
	if !ok {
		return uuid.Nil, errKeyInvalid
	}
	return key, nil
}

// parseBareKey reads a key that a record names, which needs no quotes of its own.
func parseBareKey(text string) (key uuid.UUID, ok bool) {
	key, ok = ParseID(text)
	return key, ok && key.Version() == 4 && key.Variant() == uuid.RFC4122
}

var errKeyInvalid = refusal.New(refusal.KeyInvalid, "the Idempotency-Key is not a UUID v4")
