package strictjson

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is far more than what we read needs (a record 3, rules and a proof 4), and small enough that a hostile text costs no stack.
const maxDepth = 16

// linearNames is the number of members up to which a repeated name is searched for one by one; larger objects get a set.
const linearNames = 16

// usualMembers is room for those of almost every object of a record.
const usualMembers = 4

// Parse reads exactly one JSON text (RFC 8259). The error is an *Error.
func Parse(text []byte) (*Value, error) {
	if !utf8.Valid(text) {
		return nil, &Error{Byte: validLength(text), What: "the text is not valid UTF-8"}
	}
	p := &parser{in: text, copied: string(text)}
	v, err := p.value(1)
	if err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return v, nil
}

// validLength is how many bytes come before the first that is not UTF-8.
func validLength(text []byte) int {
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	return at
}

type parser struct {
	in     []byte
	copied string // in, of which texts without escapes are pieces; "" while they are copied one by one
	at     int
	values []Value // room for those that come next
}

// Values are made in chunks: a record has hundreds of them.
const (
	firstValues = 4
	mostValues  = 64
)

// add makes a value.
func (p *parser) add(v Value) *Value {
	if len(p.values) == cap(p.values) {
		p.values = make([]Value, 0, min(max(2*cap(p.values), firstValues), mostValues))
	}
	p.values = append(p.values, v)
	return &p.values[len(p.values)-1]
}

// piece is a part of what is parsed.
func (p *parser) piece(from, to int) string {
	if p.copied != "" {
		return p.copied[from:to]
	}
	return string(p.in[from:to])
}

func (p *parser) fail(what string) error { return &Error{Byte: p.at, What: what} }

// end refuses anything but white space after the text.
func (p *parser) end() error {
	if p.space(); p.at < len(p.in) {
		return p.fail("something follows the JSON value")
	}
	return nil
}

func (p *parser) space() {
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next skips space and returns the byte there, 0 at the end.
func (p *parser) next() byte {
	p.space()
	return p.peek()
}

func (p *parser) peek() byte {
	if p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0
}

func (p *parser) value(depth int) (*Value, error) {
	if depth > maxDepth {
		return nil, p.fail("nested too deeply")
	}
	switch c := p.next(); {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		text, err := p.text()
		return p.add(Value{Kind: String, Text: text}), err
	case c == '-' || isDigit(c):
		return p.number()
	}
	for _, word := range []struct {
		text string
		kind Kind
	}{{"true", Bool}, {"false", Bool}, {"null", Null}} {
		if bytes.HasPrefix(p.in[p.at:], []byte(word.text)) {
			p.at += len(word.text)
			return p.add(Value{Kind: word.kind, Text: word.text}), nil
		}
	}
	return nil, p.fail("expected a JSON value")
}

func (p *parser) object(depth int) (*Value, error) {
	v := p.add(Value{Kind: Object})
	p.at++ // {
	if p.next() == '}' {
		p.at++
		return v, nil
	}
	var names map[string]bool
	for {
		if p.next() != '"' {
			return nil, p.fail("expected a member's name in double quotes")
		}
		start := p.at
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if names = repeatSet(v, names); names[name] || names == nil && v.Member(name) != nil {
			p.at = start
			return nil, within(name, p.fail("a member is repeated"))
		}
		if names != nil {
			names[name] = true
		}
		if err := p.colon(); err != nil {
			return nil, within(name, err)
		}
		m, err := p.value(depth + 1)
		if err != nil {
			return nil, within(name, err)
		}
		if v.Members == nil {
			v.Members = make([]Member, 0, usualMembers)
		}
		v.Members = append(v.Members, Member{name, m})
		done, err := p.more('}')
		if done || err != nil {
			return v, err
		}
	}
}

func (p *parser) colon() error {
	if p.next() != ':' {
		return p.fail("expected ':'")
	}
	p.at++
	return nil
}

// repeatSet is nil while v has few members.
func repeatSet(v *Value, names map[string]bool) map[string]bool {
	if names != nil || len(v.Members) < linearNames {
		return names
	}
	names = make(map[string]bool, 4*linearNames)
	for _, m := range v.Members {
		names[m.Name] = true
	}
	return names
}

func (p *parser) array(depth int) (*Value, error) {
	v := p.add(Value{Kind: Array})
	p.at++ // [
	if p.next() == ']' {
		p.at++
		return v, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return nil, within("["+strconv.Itoa(len(v.Items))+"]", err)
		}
		v.Items = append(v.Items, item)
		done, err := p.more(']')
		if done || err != nil {
			return v, err
		}
	}
}

// more reads the comma before another element, or the end.
func (p *parser) more(end byte) (done bool, err error) {
	switch p.next() {
	case ',':
		p.at++
		return false, nil
	case end:
		p.at++
		return true, nil
	}
	return false, p.fail("expected ',' or '" + string(end) + "'")
}

func (p *parser) number() (*Value, error) {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return nil, p.fail("a number is not valid JSON")
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return nil, p.fail("a number is not valid JSON")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return nil, p.fail("a number is not valid JSON")
		}
	}
	return p.add(Value{Kind: Number, Text: p.piece(start, p.at)}), nil
}

func (p *parser) digits() bool {
	start := p.at
	for isDigit(p.peek()) {
		p.at++
	}
	return p.at > start
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// text reads a string; p is at its opening quote.
func (p *parser) text() (string, error) {
	p.at++
	start := p.at
	for p.at < len(p.in) && p.in[p.at] != '"' && p.in[p.at] != '\\' && p.in[p.at] >= ' ' {
		p.at++
	}
	if p.at < len(p.in) && p.in[p.at] == '"' { // as almost every text
		p.at++
		return p.piece(start, p.at-1), nil
	}
	out := p.in[start:p.at:p.at] // appending copies
	for p.at < len(p.in) {
		switch c := p.in[p.at]; {
		case c == '"':
			p.at++
			return string(out), nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		case c < ' ':
			return "", p.fail("an unescaped control character in a string")
		default:
			out = append(out, c)
			p.at++
		}
	}
	return "", p.fail("a string does not end")
}

const escapes = "\"\\/bfnrt"

// escape reads one escape, a surrogate pair included.
func (p *parser) escape() (rune, error) {
	p.at++ // the backslash
	c := p.peek()
	if c == 'u' {
		r, err := p.hex()
		if err != nil || !utf16.IsSurrogate(r) {
			return r, err
		}
		if !bytes.HasPrefix(p.in[p.at:], []byte(`\u`)) {
			return 0, p.fail("half of a surrogate pair")
		}
		p.at++
		low, err := p.hex()
		if err != nil {
			return 0, err
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return 0, p.fail("half of a surrogate pair")
		}
		return r, nil
	}
	if i := bytes.IndexByte([]byte(escapes), c); i >= 0 && c != 0 {
		p.at++
		return rune("\"\\/\b\f\n\r\t"[i]), nil
	}
	return 0, p.fail("an escape that JSON does not have")
}

// hex reads uXXXX.
func (p *parser) hex() (rune, error) {
	const length = 5
	if len(p.in)-p.at < length {
		return 0, p.fail("an escape is cut off")
	}
	n, err := strconv.ParseUint(string(p.in[p.at+1:p.at+length]), 16, 16)
	if err != nil {
		return 0, p.fail("an escape without its four hexadecimal digits")
	}
	p.at += length
	return rune(n), nil
}
