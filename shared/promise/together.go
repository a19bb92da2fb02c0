package promise

import (
	"crypto/ed25519"
	"crypto/rand"

	"filippo.io/edwards25519"
)

// together is how many signatures are verified at once: with more one takes hardly less, and one that is wrong has them all verified one by one.
const together = 64

// OpenSales is OpenSale of many, in a third of the time. Signatures are verified together: a random combination of them all is checked, which one
// wrong one fails but for a chance of 2^-128. What only whoever has the private key can make, a signature that is off by a point of small order,
// passes here and not there.
func OpenSales(all []string, keys Set) (claims []Sale, errs []error) {
	claims, errs = make([]Sale, len(all)), make([]error, len(all))
	for from := 0; from < len(all); from += together {
		to := min(from+together, len(all))
		openTogether(all[from:to], keys, claims[from:to], errs[from:to])
	}
	return claims, errs
}

func openTogether(all []string, keys Set, claims []Sale, errs []error) {
	messages, publics := make([]message, len(all)), make([]ed25519.PublicKey, len(all))
	var sum combination
	for i, jws := range all {
		if messages[i], errs[i] = split(jws, TypSale); errs[i] != nil {
			continue
		}
		if publics[i], errs[i] = keys.find(messages[i].kid); errs[i] != nil {
			continue
		}
		sum.add(publics[i], &messages[i])
	}
	sound := sum.holds()
	for i := range all {
		if errs[i] != nil {
			continue
		}
		if !sound && !ed25519.Verify(publics[i], []byte(messages[i].signed), messages[i].signature) {
			errs[i] = ErrSignature
			continue
		}
		claims[i], errs[i] = readSale(messages[i].payload)
	}
}

// combination adds up signatures, each times a random number z: the sum of z·R and z·k·A, less z·s·B, is nothing when each is right (RFC 8032, 5.1.7).
type combination struct {
	points  []*edwards25519.Point
	scalars []*edwards25519.Scalar
	base    *edwards25519.Scalar // the sum of z·s
	keys    map[string]int       // where each key's point is among points
	wrong   bool                 // one is none at all
}

func (c *combination) add(public ed25519.PublicKey, m *message) {
	const half = ed25519.SignatureSize / 2
	r, err := new(edwards25519.Point).SetBytes(m.signature[:half])
	s, wrong := edwards25519.NewScalar().SetCanonicalBytes(m.signature[half:])
	if err != nil || wrong != nil {
		c.wrong = true
		return
	}
	var random [32]byte
	_, _ = rand.Read(random[:16]) // it never fails
	z, err := edwards25519.NewScalar().SetCanonicalBytes(random[:])
	if err != nil {
		panic(err) // not for 128 bits
	}
	if c.keys == nil {
		c.keys, c.base = make(map[string]int), edwards25519.NewScalar()
	}
	at, known := c.keys[string(public)]
	if !known {
		a, err := new(edwards25519.Point).SetBytes(public)
		if err != nil {
			c.wrong = true
			return
		}
		at = len(c.points)
		c.keys[string(public)] = at
		c.points, c.scalars = append(c.points, a), append(c.scalars, edwards25519.NewScalar())
	}
	k := modulo(m.signature[:half], public, []byte(m.signed))
	c.scalars[at].MultiplyAdd(z, &k, c.scalars[at])
	c.base.MultiplyAdd(z, s, c.base)
	c.points, c.scalars = append(c.points, r), append(c.scalars, z)
}

func (c *combination) holds() bool {
	if c.wrong {
		return false
	}
	if len(c.points) == 0 {
		return true
	}
	points := append(c.points, edwards25519.NewGeneratorPoint())
	scalars := append(c.scalars, edwards25519.NewScalar().Negate(c.base))
	sum := new(edwards25519.Point).VarTimeMultiScalarMult(scalars, points)
	return sum.MultByCofactor(sum).Equal(edwards25519.NewIdentityPoint()) == 1
}
