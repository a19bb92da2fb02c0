package record

import (
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// Limits of a record's members; the body's 64 KiB bound the rest.
const (
	maxFields    = 20  // wrong fields in one refusal
	maxShortText = 64  // characters of ids, amounts, times
	maxNameText  = 200 // characters of a line's name
	maxLines     = 500
	maxTenders   = 50
)

// reader collects what is wrong, so that an integrator sees it all at once.
type reader struct {
	unknown, wrong []refusal.Field
	mismatch       *refusal.Field // the first sum that is off; it counts only when nothing else is wrong
}

func (r *reader) refuse(pointer, detail string) {
	if len(r.wrong) < maxFields {
		r.wrong = append(r.wrong, refusal.Field{Pointer: pointer, Detail: detail})
	}
}

func (r *reader) mismatched(pointer, detail string) {
	if r.mismatch == nil {
		r.mismatch = &refusal.Field{Pointer: pointer, Detail: detail}
	}
}

// pointerToken escapes a name for a JSON pointer (RFC 6901) and keeps an unknown one short.
func pointerToken(name string) string {
	if utf8.RuneCountInString(name) > maxShortText {
		name = string([]rune(name)[:maxShortText]) + "…"
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// text reads an optional string of at most limit characters, none of them a control character.
func (r *reader) text(v *strictjson.Value, at, name string, limit int) (string, bool) {
	m := v.Member(name)
	if m == nil {
		return "", false
	}
	pointer := at + "/" + name
	switch {
	case m.Kind != strictjson.String:
		r.refuse(pointer, "must be a string, not "+m.Kind.String())
	case strings.ContainsFunc(m.Text, unicode.IsControl):
		r.refuse(pointer, "has a control character")
	case utf8.RuneCountInString(m.Text) > limit:
		r.refuse(pointer, "is too long")
	default:
		return m.Text, true
	}
	return "", false
}

// needed reads a string that must be there.
func (r *reader) needed(v *strictjson.Value, at, name string) (string, bool) {
	if v.Member(name) == nil {
		r.refuse(at+"/"+name, "is missing")
		return "", false
	}
	return r.text(v, at, name, maxShortText)
}

func (r *reader) integer(v *strictjson.Value, name string) (int64, bool) {
	m := v.Member(name)
	if m == nil {
		return 0, false
	}
	if m.Kind != strictjson.Number {
		r.refuse("/"+name, "must be a number, not "+m.Kind.String())
		return 0, false
	}
	n, ok := integerOf(m.Text)
	if !ok {
		r.refuse("/"+name, "must be an integer from 0 to 9007199254740991")
	}
	return n, ok
}

func (r *reader) customer(v *strictjson.Value) string {
	id, ok := r.text(v, "", "customer_id", maxShortText)
	if ok && !sale.ValidCustomerID(id) {
		r.refuse("/customer_id", "must be 1 to 64 of the characters A-Z a-z 0-9 . _ : @ + -")
	}
	return id
}

// purse is the currency of a record, with its total; nil when either is wrong, so that sums aren't checked against nonsense.
type purse struct {
	currency money.Currency
	total    money.Minor
}

func (r *reader) amounts(v *strictjson.Value, rec *Record) *purse {
	code, hasCode := r.needed(v, "", "currency")
	total, hasTotal := r.needed(v, "", "total")
	if !hasCode {
		return nil
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		r.refuse("/currency", "is "+err.Error())
		return nil
	}
	rec.Currency = currency
	if !hasTotal {
		return nil
	}
	amount, err := currency.Parse(total)
	switch {
	case err != nil:
		r.refuse("/total", err.Error())
		return nil
	case amount == 0:
		r.refuse("/total", "must be greater than zero")
		return nil
	}
	rec.Total = amount
	return &purse{currency, amount}
}

// rfc3339 is the grammar of RFC 3339 section 5.6; time.Parse is laxer in some places and stricter in others.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$`)

const secondsEnd = len("2026-11-22T10:15:30")

func (r *reader) occurredAt(v *strictjson.Value) string {
	text, ok := r.text(v, "", "occurred_at", maxShortText)
	if !ok {
		return ""
	}
	if rfc3339.MatchString(text) {
		plain := strings.ToUpper(text)
		if plain[secondsEnd-2:secondsEnd] == "60" { // a leap second is a time that a clock may show
			plain = plain[:secondsEnd-2] + "59" + plain[secondsEnd:]
		}
		if _, err := time.Parse(time.RFC3339Nano, plain); err == nil {
			return text
		}
	}
	r.refuse("/occurred_at", "must be an RFC 3339 time with an offset")
	return ""
}
