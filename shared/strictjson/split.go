package strictjson

import (
	"bytes"
	"iter"
)

// First is the byte with which a text begins after space, 0 when there is none: '{' and '[' are what can be taken apart.
func First(text []byte) byte { return (&parser{in: text}).next() }

// Elements takes an array apart into the bytes of its elements, without the space around them, and reads none of them: whatever is
// wrong inside one is that one's alone. It follows strings and brackets, so that it takes more than JSON. An *Error ends it, where
// nobody can say any more where an element begins or ends.
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

// Pieces takes an object apart as Elements does an array. A name may come twice, and need not be UTF-8.
func Pieces(text []byte) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		p := &parser{in: text}
		err := p.apart('{', '}', func() (bool, error) {
			if p.next() != '"' {
				return true, p.fail("a member's name should stand here")
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

// apart goes through what stands between two brackets, one part after the other, until each says that it has enough.
func (p *parser) apart(open, closing byte, each func() (more bool, err error)) error {
	if p.next() != open {
		return p.fail("another bracket should stand here")
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

// skip passes over what stands where a value should, to the comma or the end of what holds it, and returns its bytes without the
// space around it. It follows strings and brackets alone, so that it takes more than JSON, and
// fails when these don't match, when nothing stands there or more than one value: then nobody can say where the next one begins.
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
		return nil, p.fail("a value should stand here")
	}
	return raw, nil
}

// skipNested passes over an object or an array, however deep. What must close is kept, a byte each.
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
