package promise

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/strictjson"
)

// algorithm is EdDSA of RFC 8037. RFC 9864 has a narrower name, Ed25519, that verifiers of today do not all know.
const algorithm = "EdDSA"

// maxExact is the largest integer that every JSON parser reads exactly (RFC 7493, 2.2).
const maxExact = 1<<53 - 1

var decimal = regexp.MustCompile(`^[1-9][0-9]{0,77}$`) // a chain id is an EIP-155 integer of at most 256 bits

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// open returns the payload of a promise of this type whose signature a key of the set made.
func open(jws, typ string, keys Set) ([]byte, error) {
	m, err := split(jws, typ)
	if err != nil {
		return nil, err
	}
	public, err := keys.find(m.kid)
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(public, []byte(m.signed), m.signature) {
		return nil, ErrSignature
	}
	return m.payload, nil
}

// message is a promise in its parts (RFC 7515, 7.1), of which nothing is verified.
type message struct {
	kid       string
	signed    string // the JWS Signing Input
	payload   []byte
	signature []byte
}

func split(jws, typ string) (message, error) {
	if len(jws) > MaxBytes {
		return message{}, malformed("it has %d bytes, at most %d are expected", len(jws), MaxBytes)
	}
	const parts = 3
	part := strings.SplitN(jws, ".", parts+1)
	if len(part) != parts {
		return message{}, malformed("it has not three parts with a dot between them")
	}
	var decoded [parts][]byte
	for i, name := range [parts]string{"header", "payload", "signature"} {
		var ok bool
		if decoded[i], ok = decode64(part[i]); !ok {
			return message{}, malformed("its %s is not base64url without padding, in the one form that its bytes have", name)
		}
	}
	kid, err := readHeader(decoded[0], typ)
	if err != nil {
		return message{}, err
	}
	if len(decoded[2]) != ed25519.SignatureSize {
		return message{}, malformed("its signature has %d bytes, %d are expected", len(decoded[2]), ed25519.SignatureSize)
	}
	return message{kid: kid, signed: jws[:len(part[0])+1+len(part[1])], payload: decoded[1], signature: decoded[2]}, nil
}

// decode64 takes each value in one form alone (RFC 4648, 3.5): Go's decoder skips line breaks, and without Strict takes any trailing bits.
func decode64(text string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return b, err == nil && base64.RawURLEncoding.EncodeToString(b) == text
}

// readHeader returns the kid. A header has these three members alone: one more (crit, b64, jwk, jku, x5c …) could change what is signed or
// bring its own key.
func readHeader(text []byte, typ string) (kid string, err error) {
	r, err := readObject(text, "header", "alg", "typ", "kid")
	if err != nil {
		return "", err
	}
	r.is("alg", algorithm)
	r.is("typ", typ)
	kid = r.text("kid")
	return kid, r.err
}

func readSale(text []byte) (Sale, error) {
	r, err := readObject(text, "payload", "iss", "sub", "sale_hash", "store_id", "terminal_id", "record_number", "iat", "anchor_by", "chain_id", "contract")
	if err != nil {
		return Sale{}, err
	}
	s := Sale{
		Issuer: r.text("iss"), SaleID: r.text("sub"), SaleHash: r.hash("sale_hash"), StoreID: r.text("store_id"), TerminalID: r.text("terminal_id"),
		RecordNumber: r.integer("record_number", 1), IssuedAt: r.seconds("iat"), AnchorBy: r.seconds("anchor_by"),
	}
	if s.AnchorBy < s.IssuedAt {
		r.fail("anchor_by", "lies before iat")
	}
	if r.object.Member("chain_id") != nil || r.object.Member("contract") != nil { // either says nothing without the other
		s.ChainID, s.Contract = r.text("chain_id"), r.text("contract")
		if !decimal.MatchString(s.ChainID) {
			r.fail("chain_id", "is not a decimal number without leading zeros")
		}
		if !common.IsHexAddress(s.Contract) || common.HexToAddress(s.Contract).Hex() != s.Contract {
			r.fail("contract", "is not an address with its EIP-55 checksum")
		}
	}
	if r.err != nil {
		return Sale{}, r.err
	}
	return s, nil
}

func readClosing(text []byte) (Closing, error) {
	r, err := readObject(text, "payload", "iss", "sub", "closing_hash", "store_id", "terminal_id", "closing_number", "iat")
	if err != nil {
		return Closing{}, err
	}
	id := r.text("sub")
	c := Closing{
		Issuer: r.text("iss"), ClosingHash: r.hash("closing_hash"), StoreID: r.text("store_id"), TerminalID: r.text("terminal_id"),
		ClosingNumber: r.integer("closing_number", 1), IssuedAt: r.seconds("iat"),
	}
	if id != c.ID() {
		r.fail("sub", "is not terminal_id/closing_number")
	}
	if r.err != nil {
		return Closing{}, r.err
	}
	return c, nil
}

// reader takes members out of an object, and keeps the first error. Errors never quote the text, which may come from anybody.
type reader struct {
	object *strictjson.Value
	part   string
	err    error
}

func readObject(text []byte, part string, known ...string) (*reader, error) {
	v, err := strictjson.Parse(text)
	switch {
	case err != nil:
		return nil, malformed("its %s is not strict JSON: %s", part, err)
	case v.Kind != strictjson.Object:
		return nil, malformed("its %s is %s, not an object", part, v.Kind)
	case len(v.Unknown(known...)) > 0:
		return nil, malformed("its %s has a member that is none of %s", part, strings.Join(known, ", "))
	}
	return &reader{object: v, part: part}, nil
}

func (r *reader) fail(name, what string) {
	if r.err == nil {
		r.err = malformed("%s of its %s %s", name, r.part, what)
	}
}

func (r *reader) member(name string, kind strictjson.Kind) string {
	switch v := r.object.Member(name); {
	case v == nil:
		r.fail(name, "is missing")
	case v.Kind != kind:
		r.fail(name, fmt.Sprintf("is %s, not %s", v.Kind, kind))
	default:
		return v.Text
	}
	return ""
}

func (r *reader) text(name string) string {
	text := r.member(name, strictjson.String)
	if text == "" {
		r.fail(name, "is empty")
	}
	return text
}

func (r *reader) is(name, expected string) {
	if r.text(name) != expected {
		r.fail(name, "is not "+expected)
	}
}

func (r *reader) hash(name string) common.Hash {
	text := r.text(name)
	var hash common.Hash
	if hash.UnmarshalText([]byte(text)) != nil || hash.Hex() != text {
		r.fail(name, "is not 0x and 64 hexadecimal digits in lower case")
	}
	return hash
}

// integer takes a number in its shortest form alone: 1.0, 1e3 and -0 mean an integer to some parsers and not to others.
func (r *reader) integer(name string, least uint64) uint64 {
	text := r.member(name, strictjson.Number)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < least || n > maxExact {
		r.fail(name, fmt.Sprintf("is not an integer from %d to 2^53 - 1", least))
	}
	return n
}

func (r *reader) seconds(name string) int64 { return int64(r.integer(name, 0)) }
