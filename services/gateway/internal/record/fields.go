package record

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// Limits of a record's members (infra/docs/CONTRACT.md, 2.2); MaxBytes bounds the rest.
const (
	maxFields    = 20 // wrong fields in one refusal
	maxLines     = 500
	maxTaxes     = 20 // of a line
	maxTenders   = 50
	maxMembers   = 20  // of metadata
	maxShortText = 64  // characters of ids, amounts, times
	maxReference = 100 // of a tender
	maxNameText  = 200 // of a line or a tax
	maxLongText  = 500 // of a note, a reason, and a member of metadata
	maxMember    = 40  // of the name of a member of metadata
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
	return r.textOf(m, at, name, limit)
}

// textOf reads the text at a pointer, which is put together only for a refusal: a long slip has hundreds of them.
func (r *reader) textOf(m *strictjson.Value, at, name string, limit int) (string, bool) {
	switch {
	case m.Kind != strictjson.String:
		r.refuse(at+"/"+name, "must be a string, not "+m.Kind.String())
	case strings.ContainsFunc(m.Text, unicode.IsControl):
		r.refuse(at+"/"+name, "has a control character")
	case utf8.RuneCountInString(m.Text) > limit:
		r.refuse(at+"/"+name, "has "+strconv.Itoa(utf8.RuneCountInString(m.Text))+" characters, at most "+strconv.Itoa(limit)+" are allowed")
	default:
		return m.Text, true
	}
	return "", false
}

// needed reads a string that must be there.
func (r *reader) needed(v *strictjson.Value, name string) (string, bool) {
	if v.Member(name) == nil {
		r.refuse("/"+name, "is missing")
		return "", false
	}
	return r.text(v, "", name, maxShortText)
}

// filled reads an optional text that is not blank.
func (r *reader) filled(v *strictjson.Value, at, name string, limit int) string {
	text, ok := r.text(v, at, name, limit)
	if ok && strings.TrimSpace(text) == "" {
		r.refuse(at+"/"+name, "is empty")
	}
	return text
}

func (r *reader) boolean(v *strictjson.Value, at, name string) bool {
	m := v.Member(name)
	if m != nil && m.Kind != strictjson.Bool {
		r.refuse(at+"/"+name, "must be true or false, not "+m.Kind.String())
	}
	return m != nil && m.Text == "true"
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
	n, ok := strictjson.Integer(m.Text)
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
	code, hasCode := r.needed(v, "currency")
	total, hasTotal := r.needed(v, "total")
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
	case amount == 0 && rec.Kind == sale.KindRefund:
		r.refuse("/total", "must be greater than zero: a refund gives something back")
		return nil
	}
	rec.Total = amount
	return &purse{currency, amount}
}

// amount reads an optional amount in the record's currency, 0 without one. Whether it may be below zero is the caller's to say, and to check.
func (r *reader) amount(v *strictjson.Value, at, name string, p *purse, out *string, signed bool) money.Minor {
	text, ok := r.text(v, at, name, maxShortText)
	if !ok {
		return 0
	}
	*out = text
	if p == nil {
		return 0
	}
	parse := p.currency.Parse
	if signed {
		parse = p.currency.ParseSigned
	}
	m, err := parse(text)
	if err != nil {
		r.refuse(at+"/"+name, err.Error())
	}
	return m
}

// metadata reads texts by name, which are kept and never interpreted.
func (r *reader) metadata(v *strictjson.Value) map[string]string {
	m := v.Member("metadata")
	switch {
	case m == nil:
		return nil
	case m.Kind != strictjson.Object:
		r.refuse("/metadata", "must be an object, not "+m.Kind.String())
		return nil
	case len(m.Members) > maxMembers:
		r.refuse("/metadata", "has "+strconv.Itoa(len(m.Members))+" members, at most "+strconv.Itoa(maxMembers)+" are allowed")
		return nil
	}
	texts := make(map[string]string, len(m.Members))
	for _, member := range m.Members {
		const at = "/metadata"
		name := pointerToken(member.Name)
		switch {
		case strings.TrimSpace(member.Name) == "" || strings.ContainsFunc(member.Name, unicode.IsControl):
			r.refuse(at+"/"+name, "has a name that is empty or has a control character")
		case utf8.RuneCountInString(member.Name) > maxMember:
			r.refuse(at+"/"+name, "has a name of more than "+strconv.Itoa(maxMember)+" characters")
		}
		texts[member.Name], _ = r.textOf(member.Value, at, name, maxLongText)
	}
	return texts
}

// rfc3339 is the grammar of RFC 3339 section 5.6; time.Parse is laxer in some places and stricter in others.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$`)

const secondsEnd = len("2026-11-22T10:15:30")

func (r *reader) occurredAt(v *strictjson.Value) string {
	text, ok := r.text(v, "", "occurred_at", maxShortText)
	if !ok {
		return ""
	}
	if _, ok := ParseTime(text); !ok {
		r.refuse("/occurred_at", "must be an RFC 3339 time with an offset")
		return ""
	}
	return text
}

// ParseTime reads an RFC 3339 time with an offset.
func ParseTime(text string) (time.Time, bool) {
	if !rfc3339.MatchString(text) {
		return time.Time{}, false
	}
	plain, leap := strings.ToUpper(text), time.Duration(0)
	if plain[secondsEnd-2:secondsEnd] == "60" { // a leap second is a time that a clock may show
		plain, leap = plain[:secondsEnd-2]+"59"+plain[secondsEnd:], time.Second
	}
	t, err := time.Parse(time.RFC3339Nano, plain)
	return t.Add(leap), err == nil
}

// ValidExternalRef reports whether a record's external_ref may be text.
func ValidExternalRef(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl) && strings.TrimSpace(text) != "" &&
		utf8.RuneCountInString(text) <= maxShortText
}
