package operate

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

// Endpoints are the desk's requests.
func (d *Desk) Endpoints() []stream.Endpoint {
	const (
		sale  = `{"sale_id":"0193f0e8-8a7b-7c3d-9e4f-000000000001"}`
		one   = `"service":"pricing","stream":"SALES_RECORDED","sequence":7`
		entry = one + `,"reason":"no tier has a rate for EUR","sale_id":"0193f0e8-8a7b-7c3d-9e4f-000000000001","currency":"EUR",` +
			`"at":"2026-11-22T04:45:31.000000Z","state":"parked","holds":true`
		which = sale + ` or {` + one + `}`
	)
	return append([]stream.Endpoint{
		d.statusEndpoint(),
		stream.Answers(stream.Endpoint{
			Subject:     "ops.ledger.parked.list",
			Description: "What is parked, the oldest first, in pages of up to 500; state is " + states + "; all members are optional",
			Request:     `{"state":"parked","service":"pricing","currency":"EUR","limit":100,"cursor":"…"}`,
			Response:    `{"total":1,"parked":[{` + entry + `}],"cursor":"…"}`,
		}, d.list),
		stream.Answers(stream.Endpoint{
			Subject: "ops.ledger.parked.show", Description: "A parked message, or those of one sale, with the body and what was decided",
			Request: which, Response: `{"parked":[{` + entry + `,"subject":"sales.v1.recorded.s1","committed":true,"has_leaf":false,"data":{…}}]}`,
		}, d.show),
		stream.Answers(stream.Endpoint{
			Subject: "ops.ledger.parked.replay",
			Description: "Sends a parked sale through the pipeline again, or up to 500 of a currency, the oldest first: " +
				"repeat until none is replayed; a discarded sale by its sale_id only. altered and too_large count those that can't be published: they are " +
				"parked again",
			Request: sale + ` or {"currency":"EUR"}; optional: "operator":"asha","reason":"EUR has a rate now"`, Response: `{"replayed":3,"altered":1,"too_large":1}`,
		}, d.replay),
		stream.Answers(stream.Endpoint{
			Subject:     "ops.ledger.parked.discard",
			Description: "Gives a parked message up for good, or those of one sale, which is then never anchored; who and why is kept for the audit",
			Request:     which + `, with "operator":"asha","reason":"test till, till number 0"`, Response: `{"discarded":1}`,
		}, d.discard),
	}, d.auditEndpoints()...)
}

// which names one parked message by its service, stream and sequence, or those of one sale.
type which struct {
	SaleID   string `json:"sale_id"`
	Service  string `json:"service"`
	Stream   string `json:"stream"`
	Sequence int64  `json:"sequence"`
}

func (w which) args() (pgx.NamedArgs, error) {
	args := pgx.NamedArgs{"sale_id": nil, "service": w.Service, "stream": w.Stream, "sequence": w.Sequence}
	message := w.Service != "" || w.Stream != "" || w.Sequence != 0
	if (w.SaleID != "") == message {
		return nil, fault.New(fault.Invalid, "either sale_id or service, stream and sequence must be given")
	}
	if message && (w.Service == "" || w.Stream == "") {
		return nil, fault.New(fault.Invalid, "service, stream and sequence must be given together")
	}
	if strings.Contains(w.Service+w.Stream, "\x00") {
		return nil, errNUL
	}
	if w.SaleID == "" {
		return args, nil
	}
	id, err := uuid.Parse(w.SaleID)
	if err != nil {
		return nil, fault.New(fault.Invalid, "sale_id is not a UUID")
	}
	args["sale_id"] = id.String()
	return args, nil
}

// errNUL is about a character that text in Postgres can't contain.
var errNUL = fault.New(fault.Invalid, "service or stream has a NUL character")

// decider is who decides, and why.
type decider struct {
	Operator string `json:"operator"`
	Reason   string `json:"reason"`
}

// Limits of what is kept of a decision, in characters.
const (
	maxOperator = 64
	maxReason   = 500
)

func (d decider) check() error {
	for name, text := range map[string]struct {
		text string
		most int
	}{"operator": {d.Operator, maxOperator}, "reason": {d.Reason, maxReason}} {
		if utf8.RuneCountInString(text.text) > text.most {
			return fault.New(fault.Invalid, "%s is longer than %d characters", name, text.most)
		}
		for _, c := range text.text {
			if unicode.IsControl(c) {
				return fault.New(fault.Invalid, "%s has a control character", name)
			}
		}
	}
	return nil
}

// moment is a time as the answers have it, and as their schemas describe it: a string, UTC, microseconds.
type moment string

const momentLayout = "2006-01-02T15:04:05.000000Z"

// Scan takes a timestamptz.
func (m *moment) Scan(value any) error {
	at, ok := value.(time.Time)
	if !ok {
		return fault.New(fault.Invalid, "expected a timestamptz, got %T", value)
	}
	*m = momentOf(at)
	return nil
}

func momentOf(at time.Time) moment { return moment(at.UTC().Format(momentLayout)) }

// readable is a message's body itself if it is JSON, or else in base64.
func readable(body []byte) json.RawMessage {
	if json.Valid(body) {
		return body
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic("parked: bytes do not marshal: " + err.Error()) // they always do
	}
	return text
}

// cursor is the position of a page's last message.
type cursor struct {
	At       moment `json:"a"`
	Service  string `json:"v"`
	Stream   string `json:"s"`
	Sequence int64  `json:"n"`
}

func cursorOf(e entry) string {
	text, err := json.Marshal(cursor{At: e.At, Service: e.Service, Stream: e.Stream, Sequence: e.Sequence})
	if err != nil {
		panic("parked: a cursor does not marshal: " + err.Error()) // a time, texts and a number
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// readCursor reads a cursor; "" is the position before all messages.
func readCursor(text string) (c cursor, err error) {
	if text == "" {
		return cursor{At: "-infinity"}, nil
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err == nil {
		_, err = time.Parse(momentLayout, string(c.At))
	}
	if err != nil {
		return c, fault.New(fault.Invalid, "the cursor is invalid: start again without one")
	}
	return c, nil
}
