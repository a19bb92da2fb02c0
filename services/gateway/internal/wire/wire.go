// Package wire checks what comes on a connection against HTTP/1.1 as tills send it (RFC 9112), before the HTTP library reads it. A request
// whose end two parsers could find at different bytes is refused: what is the rest of it to one would be a request to the other, with
// somebody else's key (request smuggling).
package wire

import (
	"bytes"
	"fmt"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// MaxHead is how many bytes a request's line and headers may have together.
const MaxHead = 16 << 10

// The refusals; the connection can't be used any more. A detail never repeats what was sent.
var (
	errNotHTTP      = bad("this is not HTTP: a request begins with its method")
	errRequestLine  = bad("the request line is not a method, a target and HTTP/1.1 or HTTP/1.0, with one space between them")
	errVersion      = bad("the version is neither HTTP/1.1 nor HTTP/1.0")
	errBareLF       = bad("a line of the headers does not end with CR LF")
	errFolded       = bad("a header is folded over two lines")
	errName         = bad("a header's name has an invalid character or no colon after it")
	errValue        = bad("a header's value has a control character")
	errHost         = bad("HTTP/1.1 needs exactly one Host header with a valid host")
	errLength       = bad("Content-Length is not one number")
	errType         = bad("the Content-Type header is repeated")
	errHeadTooLarge = bad(fmt.Sprintf("the request line and its headers have more than %d KiB", MaxHead>>10))
	errEncoded      = refusal.New(refusal.LengthRequired, "send the body with its Content-Length and without a Transfer-Encoding")
)

func bad(detail string) error { return refusal.New(refusal.BadRequest, detail) }

// Framer follows the requests of one connection. The zero value is before the first one.
type Framer struct {
	line  []byte // a line that has not ended, so far
	head  int    // bytes of the request's line and headers that have ended
	left  int64  // bytes of its body still to come
	begun bool   // its line has come
	blank bool   // the empty line that may precede it has come (RFC 9112, 2.2)
	shown bool   // when something was refused: what came before it belongs to the same request

	http10, host, kind, length bool
	size                       int64
}

// Idle reports whether nothing of a further request has come.
func (f *Framer) Idle() bool {
	return !f.begun && f.left == 0 && (len(f.line) == 0 || f.line[0] == '\r')
}

// Shown reports, once Take has refused something, whether it passed an earlier part of the same request.
func (f *Framer) Shown() bool { return f.shown }

// Take checks b, which came next, and returns how much of it may be read as HTTP. An error is the refusal of what follows; nothing after it
// must be read then.
func (f *Framer) Take(b []byte) (int, error) {
	at := 0
	for at < len(b) {
		if f.left > 0 {
			n := min(f.left, int64(len(b)-at))
			f.left -= n
			at += int(n)
			continue
		}
		if f.Idle() && len(f.line) == 0 && !inToken[b[at]] && b[at] != '\r' && b[at] != '\n' {
			return at, errNotHTTP // such as TLS, where the line may never end
		}
		end := bytes.IndexByte(b[at:], '\n')
		f.shown = f.begun || !f.Idle()
		if end < 0 {
			if f.head+len(f.line)+len(b)-at > MaxHead {
				return at, errHeadTooLarge
			}
			f.line = append(f.line, b[at:]...)
			return len(b), nil
		}
		line := b[at : at+end+1]
		if len(f.line) > 0 {
			f.line = append(f.line, line...)
			line = f.line
		}
		if err := f.take(line); err != nil {
			return at, err
		}
		f.line = f.line[:0]
		at += end + 1
	}
	return at, nil
}

// take checks one line of a head, with its end.
func (f *Framer) take(line []byte) error {
	if f.head += len(line); f.head > MaxHead {
		return errHeadTooLarge
	}
	line, ended := bytes.CutSuffix(line, []byte("\r\n"))
	switch {
	case !ended:
		return errBareLF
	case !f.begun && len(line) == 0 && !f.blank:
		f.blank, f.head = true, 0
		return nil
	case !f.begun:
		f.begun = true
		return f.requestLine(line)
	case len(line) == 0:
		return f.ended()
	}
	return f.field(line)
}

// ended checks a head as a whole, and begins with its body.
func (f *Framer) ended() error {
	if !f.http10 && !f.host {
		return errHost
	}
	*f = Framer{line: f.line[:0], left: f.size}
	return nil
}

func (f *Framer) requestLine(line []byte) error {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	if !isToken(method) || len(target) == 0 || !isVisible(target) || bytes.IndexByte(version, ' ') >= 0 {
		return errRequestLine
	}
	f.http10 = string(version) == "HTTP/1.0"
	if !f.http10 && string(version) != "HTTP/1.1" {
		return errVersion
	}
	return nil
}

func (f *Framer) field(line []byte) error {
	if line[0] == ' ' || line[0] == '\t' {
		return errFolded
	}
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !isToken(name) {
		return errName
	}
	value = bytes.Trim(value, " \t")
	if !isText(value) {
		return errValue
	}
	switch len(name) { // most names are none of these
	case len("Host"):
		if is(name, "host") {
			return once(&f.host, isHost(value), errHost)
		}
	case len("Content-Type"):
		if is(name, "content-type") {
			return once(&f.kind, true, errType)
		}
	case len("Content-Length"):
		if is(name, "content-length") {
			size, valid := number(value)
			f.size = size
			return once(&f.length, valid, errLength)
		}
	case len("Transfer-Encoding"):
		if is(name, "transfer-encoding") {
			return errEncoded
		}
	}
	return nil
}

// once notes a header that must not be repeated.
func once(seen *bool, valid bool, otherwise error) error {
	if *seen || !valid {
		return otherwise
	}
	*seen = true
	return nil
}

func is(name []byte, lower string) bool { return bytes.EqualFold(name, []byte(lower)) }

// number reads a Content-Length: digits alone, no sign and no list.
func number(text []byte) (n int64, ok bool) {
	const maxDigits = 18 // within an int64
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(text) > 0 && len(text) <= maxDigits
}

// isVisible reports text without spaces and control characters. Bytes beyond ASCII delimit nothing.
func isVisible(text []byte) bool {
	for _, c := range text {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return true
}

// isText reports a valid field value, which may hold what RFC 9110 calls obs-text.
func isText(value []byte) bool {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func isToken(text []byte) bool {
	for _, c := range text {
		if !inToken[c] {
			return false
		}
	}
	return len(text) > 0
}

func isHost(text []byte) bool {
	for _, c := range text {
		if !inHost[c] {
			return false
		}
	}
	return len(text) > 0
}

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

var (
	inToken = among(alphanumeric + "!#$%&'*+-.^_`|~")     // RFC 9110, 5.6.2
	inHost  = among(alphanumeric + "-._~!$&'()*+,;=:[]%") // RFC 3986, 3.2.2, with a port
)

func among(characters string) (table [256]bool) {
	for _, c := range []byte(characters) {
		table[c] = true
	}
	return table
}
