package strictjson

import (
	"bytes"
	"iter"
)

// First is a text's first byte after white space, 0 when there is none: Elements splits '[', Pieces '{'.
func First(text []byte) byte { return (&parser{in: text}).next() }

// Elements splits an array into the bytes of its elements, without the white space around them, and parses none of them: an error inside one
// concerns that one alone. It only tracks strings and brackets, so it accepts more than JSON. An *Error ends it where the bounds of the next
// element are no longer certain.
func Elements(text []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		p := &parser{in: text}
		err := p.apart('[', ']', func() (bool, error) {
			raw, err := p.skip()
			return err != nil || yield(raw, nil), err
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// Piece is a member whose value was not read.
type Piece struct {
	Name string
	Raw  []byte
}

// Pieces splits an object as Elements does an array. A name may be repeated, and need not be UTF-8.
func Pieces(text []byte) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		p := &parser{in: text}
		err := p.apart('{', '}', func() (bool, error) {
			if p.next() != '"' {
				return true, p.fail("expected a member's name in double quotes")
			}
			name, err := p.text()
			if err == nil {
				err = p.colon()
			}
			if err != nil {
				return true, err
			}
			raw, err := p.skip()
			return err != nil || yield(Piece{name, raw}, nil), err
		})
		if err != nil {
			yield(Piece{}, err)
		}
	}
}

// apart goes through what is between two brackets, one part after the other, until each returns false.
func (p *parser) apart(open, closing byte, each func() (more bool, err error)) error {
	if p.next() != open {
		return p.fail("expected '" + string(open) + "'")
	}
	p.at++
	if p.next() == closing {
		p.at++
		return p.end()
	}
	for done := false; !done; {
		more, err := each()
		if err != nil || !more {
			return err
		}
		if done, err = p.more(closing); err != nil {
			return err
		}
	}
	return p.end()
}

// skip passes over a value, up to the comma or the end of what holds it, and returns its bytes without the white space around it. It only
// tracks strings and brackets, so it accepts more than JSON. It fails when brackets don't match, and when there is no value or more than
// one: then it is not certain where the next one begins.
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
	raw := bytes.TrimRight(p.in[start:p.at:p.at], " \t\r\n")
	if len(raw) == 0 {
		return nil, p.fail("expected a value")
	}
	return raw, nil
}

// skipNested passes over an object or an array, however deep. The expected closing brackets are kept, a byte each.
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
				return p.fail("mismatched bracket")
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
