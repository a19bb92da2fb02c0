package promise

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// Limits of a key set. A shop needs a new key once a year, or when one leaked.
const (
	MaxSetBytes = 64 << 10
	MaxKeys     = 256
)

const (
	keyType = "OKP" // RFC 8037, 2
	curve   = "Ed25519"
	use     = "sig"
)

// JWK is a public key that signs promises (RFC 7517, RFC 8037). Its JSON has the members in this order.
type JWK struct {
	Kty string `json:"kty"` // OKP
	Crv string `json:"crv"` // Ed25519
	X   string `json:"x"`   // the public key's 32 bytes
	Kid string `json:"kid"` // the RFC 7638 thumbprint
	Alg string `json:"alg"` // EdDSA
	Use string `json:"use"` // sig
}

func jwkOf(public ed25519.PublicKey) JWK {
	x := base64.RawURLEncoding.EncodeToString(public)
	return JWK{Kty: keyType, Crv: curve, X: x, Kid: thumbprint(x), Alg: algorithm, Use: use}
}

// thumbprint hashes the required members in lexicographic order (RFC 7638, 3; RFC 8037, 2).
func thumbprint(x string) string {
	sum := sha256.Sum256([]byte(`{"crv":"` + curve + `","kty":"` + keyType + `","x":"` + x + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Bytes is the key's one JSON form, without spaces.
func (j JWK) Bytes() []byte { return mustJSON(j) }

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // not for texts alone
	}
	return b
}

// ParseJWK reads a key that has exactly the members of JWK, in any order, and whose kid is its thumbprint.
func ParseJWK(text []byte) (JWK, error) {
	if len(text) > MaxSetBytes {
		return JWK{}, fault.New(fault.Invalid, "the key has %d bytes, at most %d are expected", len(text), MaxSetBytes)
	}
	v, err := strictjson.Parse(text)
	switch {
	case err != nil:
		return JWK{}, fault.New(fault.Invalid, "the key is not strict JSON: %w", err)
	case v.Kind != strictjson.Object:
		return JWK{}, fault.New(fault.Invalid, "the key is %s, not an object", v.Kind)
	case v.Member("d") != nil:
		return JWK{}, fault.New(fault.Invalid, "the key has its private half (d)")
	case len(v.Unknown("kty", "crv", "x", "kid", "alg", "use")) > 0:
		return JWK{}, fault.New(fault.Invalid, "the key has a member that is none of kty, crv, x, kid, alg, use")
	}
	j := readJWK(v)
	_, err = j.public()
	return j, err
}

// readJWK leaves "" what is missing or not a string.
func readJWK(v *strictjson.Value) JWK {
	text := func(name string) string {
		if m := v.Member(name); m != nil && m.Kind == strictjson.String {
			return m.Text
		}
		return ""
	}
	return JWK{Kty: text("kty"), Crv: text("crv"), X: text("x"), Kid: text("kid"), Alg: text("alg"), Use: text("use")}
}

// public returns the key itself, if all members are as they must be.
func (j JWK) public() (ed25519.PublicKey, error) {
	for _, m := range []struct{ name, is, expected string }{
		{"kty", j.Kty, keyType},
		{"crv", j.Crv, curve},
		{"alg", j.Alg, algorithm},
		{"use", j.Use, use},
	} {
		if m.is != m.expected {
			return nil, fault.New(fault.Invalid, "the key's %s is not %s", m.name, m.expected)
		}
	}
	x, ok := decode64(j.X)
	switch {
	case !ok || len(x) != ed25519.PublicKeySize:
		return nil, fault.New(fault.Invalid, "the key's x is not %d bytes in base64url without padding", ed25519.PublicKeySize)
	case isWeak(x):
		return nil, fault.New(fault.Invalid, "the key's x is a point for which anybody can sign, or not in its canonical form")
	case j.Kid != thumbprint(j.X):
		return nil, fault.New(fault.Invalid, "the key's kid is not its RFC 7638 thumbprint")
	}
	return x, nil
}

// prime is 2^255 - 19, the field's, little-endian as points are (RFC 8032, 5.1).
var prime = [32]byte(slices.Concat([]byte{0xed}, bytes.Repeat([]byte{0xff}, 30), []byte{0x7f}))

// smallOrder are the y of the points whose order divides 8, little-endian. For such a key signatures can be made without a private half,
// so a shop could say of each of its promises that somebody else made it.
var smallOrder = [][32]byte{
	{},
	{1},
	{
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	},
	{
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	},
	[32]byte(slices.Concat([]byte{0xec}, bytes.Repeat([]byte{0xff}, 30), []byte{0x7f})), // -1
}

// isWeak reports whether a public key is of small order, or has a y that is not less than the prime, which crypto/ed25519 takes.
func isWeak(x []byte) bool {
	y := [32]byte(x)
	y[31] &= 0x7f // the sign of x, the coordinate
	if slices.Contains(smallOrder, y) {
		return true
	}
	for i := len(y) - 1; i >= 0; i-- {
		if y[i] != prime[i] {
			return y[i] > prime[i]
		}
	}
	return true
}

// Set is a shop's keys, as /.well-known/jwks.json has them: every one that ever signed a promise.
type Set struct {
	Keys []JWK `json:"keys"`
}

// Bytes is the set's JSON, without spaces, each key as JWK.Bytes has it.
func (s Set) Bytes() []byte {
	if s.Keys == nil {
		s.Keys = []JWK{}
	}
	return mustJSON(s)
}

// ParseSet reads a key set. As RFC 7517, 5 asks, it passes over members that it does not know and over keys that could not have signed a
// promise. A key twice, or one with its private half, is refused.
func ParseSet(text []byte) (Set, error) {
	if len(text) > MaxSetBytes {
		return Set{}, fault.New(fault.Invalid, "the key set has %d bytes, at most %d are expected", len(text), MaxSetBytes)
	}
	v, err := strictjson.Parse(text)
	if err != nil {
		return Set{}, fault.New(fault.Invalid, "the key set is not strict JSON: %w", err)
	}
	keys := v.Member("keys")
	switch {
	case keys == nil || keys.Kind != strictjson.Array:
		return Set{}, fault.New(fault.Invalid, "the key set is not an object with an array keys")
	case len(keys.Items) > MaxKeys:
		return Set{}, fault.New(fault.Invalid, "the key set has %d keys, at most %d are expected", len(keys.Items), MaxKeys)
	}
	var s Set
	for i, item := range keys.Items {
		if item.Kind != strictjson.Object {
			return Set{}, fault.New(fault.Invalid, "keys[%d] is %s, not an object", i, item.Kind)
		}
		j := readJWK(item)
		if _, err := j.public(); err != nil {
			continue
		}
		if item.Member("d") != nil {
			return Set{}, fault.New(fault.Invalid, "keys[%d] has its private half (d): whatever it signed proves nothing", i)
		}
		if slices.Contains(s.Keys, j) {
			return Set{}, fault.New(fault.Invalid, "keys[%d] repeats the kid of another", i)
		}
		s.Keys = append(s.Keys, j)
	}
	return s, nil
}

// find returns a key of the set. One that is not in its form, which ParseSet leaves out, is none.
func (s Set) find(kid string) (ed25519.PublicKey, error) {
	for _, j := range s.Keys {
		if j.Kid != kid {
			continue
		}
		if public, err := j.public(); err == nil {
			return public, nil
		}
	}
	return nil, ErrUnknownKey
}
