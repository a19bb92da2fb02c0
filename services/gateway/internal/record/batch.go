package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// Limits of a batch (DESIGN section 2).
const (
	MaxBatchBytes = 4 << 20
	MaxBatch      = 500 // records
	maxEchoed     = 80  // bytes of an idempotency_key that stand in its answer: a UUID, quoted twice, and to spare
)

// Entry is one record of a batch, not yet read.
type Entry struct {
	Echo []byte // the idempotency_key as it was sent, for the answer; null where none can be shown

	key, record []byte // as sent; nil when missing
	shape       *refusal.Error
}

// SplitBatch takes a batch apart and keeps body, which must not change afterwards. It fails only when nobody can say where an
// entry begins: whatever is wrong inside one is that entry's alone. The error is MALFORMED_JSON or INVALID_RECORD.
func SplitBatch(body []byte) ([]Entry, error) {
	if !json.Valid(body) {
		return nil, refusal.New(refusal.MalformedJSON, whereInvalid(body))
	}
	p := &parser{in: body}
	if p.next() != '[' {
		return nil, refusal.New(refusal.InvalidRecord, "the batch is not an array",
			refusal.Field{Pointer: "", Detail: `must be an array of {"idempotency_key":…,"record":{…}}`})
	}
	p.at++
	var all []Entry
	for p.next() != ']' {
		if len(all) == MaxBatch {
			return nil, refusal.New(refusal.InvalidRecord, fmt.Sprintf("the batch has more than %d records: send it in parts", MaxBatch),
				refusal.Field{Pointer: "/" + strconv.Itoa(MaxBatch), Detail: "is one too many"})
		}
		all = append(all, entryOf(p.skip()))
		if p.next() == ',' {
			p.at++
		}
	}
	return all, nil
}

// whereInvalid says at which byte a text stops being JSON, and never what stands there.
func whereInvalid(body []byte) string {
	var all json.RawMessage
	if e, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &all)); ok {
		return fmt.Sprintf("at byte %d: the batch is not JSON", e.Offset)
	}
	return "the batch is not JSON"
}

// entryOf reads one entry's members. raw is known to be JSON.
func entryOf(raw []byte) Entry {
	e := Entry{Echo: []byte("null")}
	p := &parser{in: raw}
	if p.next() != '{' {
		e.shape = refusal.New(refusal.InvalidRecord, "the batch's entry is not an object",
			refusal.Field{Pointer: "", Detail: `must be {"idempotency_key":…,"record":{…}}`})
		return e
	}
	p.at++
	for p.next() == '"' {
		name, err := p.text()
		if err != nil {
			e.shape = refusal.New(refusal.MalformedJSON, "a member's name in the batch's entry is not text")
			return e
		}
		p.space()
		p.at++ // the colon
		value := p.skip()
		switch {
		case name == "idempotency_key" && e.key == nil:
			e.key = value
		case name == "record" && e.record == nil:
			e.record = value
		case name == "idempotency_key", name == "record":
			e.shape = refusal.New(refusal.MalformedJSON, "a member of the batch's entry is repeated", refusal.Field{Pointer: "/" + name, Detail: "is repeated"})
		default:
			e.shape = refusal.New(refusal.MalformedJSON, "the batch's entry has a member that is not known",
				refusal.Field{Pointer: "/" + pointerToken(name), Detail: "is not a member of a batch's entry"})
		}
		if p.next() == ',' {
			p.at++
			p.space()
		}
	}
	if key, err := parse(e.key); err == nil && key.kind == isString && len(e.key) <= maxEchoed {
		e.Echo = e.key
	}
	return e
}

// Decode reads the entry's key and its record, whose bytes are those of the value of record exactly as received. The error is
// a refusal; a wrong field's pointer starts at the record, as it does for a record that comes alone.
func (e *Entry) Decode() (uuid.UUID, Record, error) {
	if e.shape != nil {
		return uuid.Nil, Record{}, e.shape
	}
	key, err := e.decodeKey()
	if err != nil {
		return uuid.Nil, Record{}, err
	}
	switch {
	case e.record == nil:
		return uuid.Nil, Record{}, refusal.New(refusal.InvalidRecord, "the batch's entry has no record", refusal.Field{Pointer: "/record", Detail: "is missing"})
	case len(e.record) > MaxBytes:
		return uuid.Nil, Record{}, refusal.New(refusal.BodyTooLarge, "the record is larger than a record may be")
	}
	rec, err := Decode(e.record)
	return key, rec, err
}

func (e *Entry) decodeKey() (uuid.UUID, error) {
	if e.key == nil {
		return uuid.Nil, refusal.New(refusal.KeyMissing, "give each entry an idempotency_key, a UUID v4 that is new for each record and the same for each retry")
	}
	v, err := parse(e.key)
	if err != nil || v.kind != isString || v.text == "" {
		return uuid.Nil, errKeyInvalid
	}
	return ParseKey(v.text)
}

// skip passes over one value of a text that is known to be JSON and returns its bytes, without the space around it.
func (p *parser) skip() []byte {
	p.space()
	start, depth := p.at, 0
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case '"':
			p.skipString()
		case '{', '[':
			depth++
			p.at++
		case '}', ']':
			if depth == 0 { // of what the value, a number or a word, stands in
				return p.in[start:p.at:p.at]
			}
			depth--
			p.at++
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return p.in[start:p.at:p.at]
			}
			p.at++
			continue
		default:
			p.at++
			continue
		}
		if depth == 0 {
			break
		}
	}
	return p.in[start:p.at:p.at]
}

func (p *parser) skipString() {
	for p.at++; p.in[p.at] != '"'; p.at++ {
		if p.in[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
}
