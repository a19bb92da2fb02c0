package record

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// kind is what a JSON value is.
type kind int

const (
	isNull kind = iota
	isBool
	isNumber
	isString
	isArray
	isObject
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// value is a parsed JSON value. text is a string's value or, for numbers and booleans, what was written.
type value struct {
	kind    kind
	text    string
	items   []*value
	members []member // in the order received
}

type member struct {
	name  string
	value *value
}

func (v *value) member(name string) *value {
	for _, m := range v.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// maxDepth is far more than a record has (3), and little enough that a hostile body costs no stack.
const maxDepth = 16

// linearNames is up to how many members a repeated name is looked for one by one; larger objects get a set.
const linearNames = 16

// parse reads exactly one JSON text (RFC 8259), stricter than encoding/json: valid UTF-8 only, no lone surrogate, no
// repeated member, nothing after it. The error says at which byte, and never what stands there.
func parse(body []byte) (*value, error) {
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("the body is not valid UTF-8")
	}
	p := &parser{in: body}
	v, err := p.value(1)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.in) {
		return nil, p.fail("there is something after the record")
	}
	return v, nil
}

type parser struct {
	in []byte
	at int
}

func (p *parser) fail(what string) error { return fmt.Errorf("at byte %d: %s", p.at, what) }

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

func (p *parser) value(depth int) (*value, error) {
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
		return &value{kind: isString, text: text}, err
	case c == '-' || isDigit(c):
		return p.number()
	}
	for _, word := range []struct {
		text string
		kind kind
	}{{"true", isBool}, {"false", isBool}, {"null", isNull}} {
		if bytes.HasPrefix(p.in[p.at:], []byte(word.text)) {
			p.at += len(word.text)
			return &value{kind: word.kind, text: word.text}, nil
		}
	}
	return nil, p.fail("a JSON value should stand here")
}

func (p *parser) object(depth int) (*value, error) {
	v := &value{kind: isObject}
	p.at++ // {
	if p.next() == '}' {
		p.at++
		return v, nil
	}
	var names map[string]bool
	for {
		if p.next() != '"' {
			return nil, p.fail("a member's name should stand here")
		}
		start := p.at
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if names = repeatSet(v, names); names[name] || names == nil && v.member(name) != nil {
			p.at = start
			return nil, p.fail("a member is repeated")
		}
		if names != nil {
			names[name] = true
		}
		if p.next() != ':' {
			return nil, p.fail("a colon should stand here")
		}
		p.at++
		m, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.members = append(v.members, member{name, m})
		done, err := p.more('}')
		if done || err != nil {
			return v, err
		}
	}
}

// repeatSet is nil while v has few members.
func repeatSet(v *value, names map[string]bool) map[string]bool {
	if names != nil || len(v.members) < linearNames {
		return names
	}
	names = make(map[string]bool, 4*linearNames)
	for _, m := range v.members {
		names[m.name] = true
	}
	return names
}

func (p *parser) array(depth int) (*value, error) {
	v := &value{kind: isArray}
	p.at++ // [
	if p.next() == ']' {
		p.at++
		return v, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
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
	return false, p.fail("a comma or the end should stand here")
}

func (p *parser) number() (*value, error) {
	start := p.at
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return nil, p.fail("a number is not written as JSON wants it")
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return nil, p.fail("a number is not written as JSON wants it")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return nil, p.fail("a number is not written as JSON wants it")
		}
	}
	return &value{kind: isNumber, text: string(p.in[start:p.at])}, nil
}

func (p *parser) digits() bool {
	start := p.at
	for isDigit(p.peek()) {
		p.at++
	}
	return p.at > start
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// text reads a string; p stands at its opening quote.
func (p *parser) text() (string, error) {
	p.at++
	start := p.at
	for p.at < len(p.in) && p.in[p.at] != '"' && p.in[p.at] != '\\' && p.in[p.at] >= ' ' {
		p.at++
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
			return "", p.fail("a control character stands bare in a string")
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
	return 0, p.fail("not an escape that JSON has")
}

// hex reads uXXXX.
func (p *parser) hex() (rune, error) {
	const length = 5
	if len(p.in)-p.at < length {
		return 0, p.fail("an escape is cut off")
	}
	n, err := strconv.ParseUint(string(p.in[p.at+1:p.at+length]), 16, 16)
	if err != nil {
		return 0, p.fail("an escape is not four hexadecimal digits")
	}
	p.at += length
	return rune(n), nil
}
