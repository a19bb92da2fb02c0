package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

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
// entry begins or ends: whatever is wrong inside one is that entry's alone. The error is MALFORMED_JSON or INVALID_RECORD.
func SplitBatch(body []byte) ([]Entry, error) {
	p := &parser{in: body}
	if p.next() != '[' {
		if !json.Valid(body) {
			return nil, refusal.New(refusal.MalformedJSON, p.fail("the batch is not an array").Error())
		}
		return nil, refusal.New(refusal.InvalidRecord, "the batch is not an array",
			refusal.Field{Pointer: "", Detail: `must be an array of {"idempotency_key":…,"record":{…}}`})
	}
	p.at++
	var all []Entry
	for done := p.next() == ']'; !done; {
		if len(all) == MaxBatch {
			return nil, refusal.New(refusal.InvalidRecord, fmt.Sprintf("the batch has more than %d records: send it in parts", MaxBatch),
				refusal.Field{Pointer: "/" + strconv.Itoa(MaxBatch), Detail: "is one too many"})
		}
		raw, err := p.skip()
		if err == nil && len(raw) == 0 {
			err = p.fail("an entry should stand here")
		}
		if err != nil {
			return nil, notSplit(err)
		}
		all = append(all, entryOf(raw))
		if done, err = p.more(']'); err != nil {
			return nil, notSplit(err)
		}
	}
	if len(all) == 0 {
		p.at++
	}
	if p.space(); p.at < len(p.in) {
		return nil, notSplit(p.fail("there is something after the batch"))
	}
	return all, nil
}

// notSplit refuses a batch as a whole, by where it can't be followed and never by what stands there.
func notSplit(err error) error {
	return refusal.New(refusal.MalformedJSON, "the batch can't be taken apart: "+err.Error())
}

// entryOf reads one entry's members. raw is whatever stands at its place.
func entryOf(raw []byte) Entry {
	e := Entry{Echo: []byte("null")}
	if err := e.members(raw); err != nil {
		e.shape = refusal.New(refusal.MalformedJSON, "the batch's entry is not JSON: "+err.Error())
	}
	if key, err := parse(e.key); err == nil && key.kind == isString && len(e.key) <= maxEchoed {
		e.Echo = e.key
	}
	return e
}

// members finds an entry's key and record and leaves what they are to Decode.
func (e *Entry) members(raw []byte) error {
	p := &parser{in: raw}
	if p.next() != '{' {
		e.shape = refusal.New(refusal.InvalidRecord, "the batch's entry is not an object",
			refusal.Field{Pointer: "", Detail: `must be {"idempotency_key":…,"record":{…}}`})
		_, err := parse(raw) // else it is nothing at all
		return err
	}
	p.at++
	for done := p.next() == '}'; !done; {
		if p.next() != '"' {
			return p.fail("a member's name should stand here")
		}
		name, err := p.text()
		if err != nil {
			return err
		}
		if p.next() != ':' {
			return p.fail("a colon should stand here")
		}
		p.at++
		value, err := p.skip()
		if err != nil {
			return err
		}
		if len(value) == 0 {
			return p.fail("a value should stand here")
		}
		e.member(name, value)
		if done, err = p.more('}'); err != nil {
			return err
		}
	}
	return nil
}

func (e *Entry) member(name string, value []byte) {
	switch {
	case name == "idempotency_key" && e.key == nil:
		e.key = value
	case name == "record" && e.record == nil:
		e.record = value
	case name == "idempotency_key", name == "record":
		e.shape = refusal.New(refusal.MalformedJSON, "a member of the batch's entry is repeated", refusal.Field{Pointer: "/" + name, Detail: "is repeated"})
	default:
		e.shape = refusal.New(refusal.MalformedJSON, "the batch's entry has a member that is not known",
			refusal.Field{Pointer: "/" + pointerToken(strings.ToValidUTF8(name, "\uFFFD")), Detail: "is not a member of a batch's entry"})
	}
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

// skip passes over what stands where a value should, to the comma or the end of what holds it, and returns its bytes without the
// space around it: none when nothing stands there. It follows strings and brackets alone, so that it takes more than JSON, and
// fails when these don't match or when more than one value stands there: then nobody can say where the next one begins.
func (p *parser) skip() ([]byte, error) {
	p.space()
	start := p.at
	switch p.peek() {
	case '"':
		if !p.skipString() {
			return nil, p.fail("a string does not end")
		}
	case '{', '[':
		if err := p.skipNested(); err != nil {
			return nil, err
		}
	default: // a number or a word
		length := bytes.IndexAny(p.in[start:], `,]}{["`)
		if length < 0 {
			length = len(p.in) - start
		}
		p.at += length
	}
	return bytes.TrimRight(p.in[start:p.at:p.at], " \t\r\n"), nil
}

// skipNested passes over an object or an array, however deep. What must close is kept, a byte each: a body has at
// most MaxBatchBytes of them.
func (p *parser) skipNested() error {
	var closing []byte
	for p.at < len(p.in) {
		switch c := p.in[p.at]; c {
		case '"':
			if !p.skipString() {
				return p.fail("a string does not end")
			}
			continue
		case '{':
			closing = append(closing, '}')
		case '[':
			closing = append(closing, ']')
		case '}', ']':
			if closing[len(closing)-1] != c {
				return p.fail("another bracket should close here")
			}
			closing = closing[:len(closing)-1]
		}
		if p.at++; len(closing) == 0 {
			return nil
		}
	}
	return p.fail("an object or an array does not end")
}

// skipString passes over a string, and reports whether it ends.
func (p *parser) skipString() bool {
	for p.at++; p.at < len(p.in); p.at++ {
		switch p.in[p.at] {
		case '\\':
			p.at++
		case '"':
			p.at++
			return true
		}
	}
	p.at = len(p.in)
	return false
}
