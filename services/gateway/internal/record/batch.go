package record

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// Limits of a batch (infra/docs/CONTRACT.md, 2.4).
const (
	MaxBatchBytes = 4 << 20
	MaxBatch      = 500 // records
	maxEchoed     = 80  // bytes of an idempotency_key that is repeated in its answer: more than a UUID that is quoted twice
)

// Entry is one record of a batch, not yet read.
type Entry struct {
	Echo []byte // the idempotency_key as it was sent, for the answer; null when it can't be repeated

	key, record []byte // as sent; nil when missing
	shape       *refusal.Error
}

// SplitBatch splits a batch into its entries and keeps body, which must not change afterwards. It fails only when the bounds of an entry are
// not certain: an error inside one concerns that entry alone. The error is MALFORMED_JSON or INVALID_RECORD.
func SplitBatch(body []byte) ([]Entry, error) {
	if strictjson.First(body) != '[' {
		if !json.Valid(body) {
			return nil, refusal.New(refusal.MalformedJSON, "the batch is not an array, and not JSON")
		}
		return nil, refusal.New(refusal.InvalidRecord, "the batch is not an array",
			refusal.Field{Pointer: "", Detail: `must be an array of {"idempotency_key":…,"record":{…}}`})
	}
	var all []Entry
	for raw, err := range strictjson.Elements(body) {
		switch {
		case err != nil:
			return nil, refusal.New(refusal.MalformedJSON, "the batch cannot be split into its entries: "+err.Error())
		case len(all) == MaxBatch:
			return nil, refusal.New(refusal.InvalidRecord, fmt.Sprintf("the batch has more than %d records: send it in parts", MaxBatch),
				refusal.Field{Pointer: "/" + strconv.Itoa(MaxBatch), Detail: "is beyond the limit of 500"})
		}
		all = append(all, entryOf(raw))
	}
	return all, nil
}

// entryOf reads one entry's members. raw is the array's element, whatever it is.
func entryOf(raw []byte) Entry {
	e := Entry{Echo: []byte("null")}
	if err := e.members(raw); err != nil {
		e.shape = refusal.New(refusal.MalformedJSON, "the batch's entry is not JSON: "+err.Error())
	}
	if len(e.key) <= maxEchoed {
		if key, err := strictjson.Parse(e.key); err == nil && key.Kind == strictjson.String {
			e.Echo = e.key
		}
	}
	return e
}

// members finds an entry's key and record and leaves reading them to Decode.
func (e *Entry) members(raw []byte) error {
	if strictjson.First(raw) != '{' {
		e.shape = refusal.New(refusal.InvalidRecord, "the batch's entry is not an object",
			refusal.Field{Pointer: "", Detail: `must be {"idempotency_key":…,"record":{…}}`})
		if len(raw) > MaxBytes { // parsing it would take many times its length
			return nil
		}
		_, err := strictjson.Parse(raw) // or it is not even JSON
		return err
	}
	for piece, err := range strictjson.Pieces(raw) {
		if err != nil {
			return err
		}
		e.member(piece.Name, piece.Raw)
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
		e.shape = refusal.New(refusal.MalformedJSON, "the batch's entry has an unknown member",
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
		return uuid.Nil, Record{}, ErrTooLarge
	}
	rec, err := Decode(e.record)
	return key, rec, err
}

func (e *Entry) decodeKey() (uuid.UUID, error) {
	if e.key == nil {
		return uuid.Nil, refusal.New(refusal.KeyMissing, "give each entry an idempotency_key, a UUID v4 that is new for each record and the same for each retry")
	}
	if len(e.key) > MaxBytes { // as above
		return uuid.Nil, errKeyInvalid
	}
	v, err := strictjson.Parse(e.key)
	if err != nil || v.Kind != strictjson.String || v.Text == "" {
		return uuid.Nil, errKeyInvalid
	}
	return ParseKey(v.Text)
}
