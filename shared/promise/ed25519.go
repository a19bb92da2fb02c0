package promise

import (
	"crypto/ed25519"
	"crypto/sha512"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// signer makes Ed25519 signatures (RFC 8032, 5.1.6), many at once. A quarter of what one takes is a division in the field, which is made once
// for all of them: a product is inverted, and each factor's inverse taken from that (Montgomery, Math. Comp. 48, 1987, 10.3.1). The bytes are
// those of crypto/ed25519, and like there no branch and no address depends on a secret. It is safe for concurrent use.
type signer struct {
	scalar *edwards25519.Scalar
	prefix [32]byte // of the seed's hash, from which nonces are made
	public ed25519.PublicKey
}

func newSigner(private ed25519.PrivateKey, public ed25519.PublicKey) *signer {
	hash := sha512.Sum512(private.Seed())
	scalar, err := edwards25519.NewScalar().SetBytesWithClamping(hash[:32])
	if err != nil {
		panic(err) // not for 32 bytes
	}
	return &signer{scalar: scalar, prefix: [32]byte(hash[32:]), public: public}
}

// signing is a signature on its way. R, the point of its nonce r, is (x/z, y/z).
type signing struct {
	r       edwards25519.Scalar
	x, y, z field.Element
	before  field.Element // the product of the z before this one
}

// sign returns the signature of each message.
func (s *signer) sign(messages [][]byte) [][ed25519.SignatureSize]byte {
	all := make([]signing, len(messages))
	product := new(field.Element).One()
	for i, message := range messages {
		at := &all[i]
		at.r = modulo(s.prefix[:], message)
		x, y, z, _ := new(edwards25519.Point).ScalarBaseMult(&at.r).ExtendedCoordinates()
		at.x, at.y, at.z, at.before = *x, *y, *z, *product
		product.Multiply(product, z)
	}
	inverse := new(field.Element).Invert(product) // of all z up to the present one
	signatures := make([][ed25519.SignatureSize]byte, len(messages))
	for i := len(all) - 1; i >= 0; i-- {
		at, signature := &all[i], &signatures[i]
		ofZ := new(field.Element).Multiply(inverse, &at.before)
		inverse.Multiply(inverse, &at.z)
		copy(signature[:32], at.y.Multiply(&at.y, ofZ).Bytes())
		signature[31] |= byte(at.x.Multiply(&at.x, ofZ).IsNegative() << 7) // RFC 8032, 5.1.2
		k := modulo(signature[:32], s.public, messages[i])
		copy(signature[32:], k.MultiplyAdd(&k, s.scalar, &at.r).Bytes())
	}
	return signatures
}

// modulo is the SHA-512 of parts, modulo the group's order.
func modulo(parts ...[]byte) (n edwards25519.Scalar) {
	hash := sha512.New()
	for _, part := range parts {
		hash.Write(part)
	}
	var sum [sha512.Size]byte
	if _, err := n.SetUniformBytes(hash.Sum(sum[:0])); err != nil {
		panic(err) // not for 64 bytes
	}
	return n
}
