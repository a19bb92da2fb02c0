package promise

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"os"

	"github.com/tillseal/tillseal/shared/durable"
)

const (
	pemType = "PRIVATE KEY" // RFC 7468, section 10
	keyMode = 0o600
)

// Key is a private key that signs promises. It never shows anything but its ID.
type Key struct {
	private ed25519.PrivateKey
	jwk     JWK
	sale    []byte // the encoded header of a sale's promise, and a dot
	closing []byte
}

func newKey(private ed25519.PrivateKey) *Key {
	k := &Key{private: private}
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		panic("promise: an Ed25519 key without its public half")
	}
	k.jwk = jwkOf(public)
	k.sale, k.closing = header(TypSale, k.jwk.Kid), header(TypClosing, k.jwk.Kid)
	return k
}

func header(typ, kid string) []byte {
	text := `{"alg":"EdDSA","typ":"` + typ + `","kid":"` + kid + `"}`
	return append(base64.RawURLEncoding.AppendEncode(nil, []byte(text)), '.')
}

// ID is the key's thumbprint (RFC 7638).
func (k *Key) ID() string { return k.jwk.Kid }

// JWK is the public half.
func (k *Key) JWK() JWK { return k.jwk }

// String shows the ID.
func (k *Key) String() string { return k.jwk.Kid }

// GoString shows the ID.
func (k *Key) GoString() string { return k.jwk.Kid }

// LogValue shows the ID.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.jwk.Kid) }

var errNotPEM = errors.New("is not one Ed25519 key in PKCS#8 PEM: make one with openssl genpkey -algorithm ed25519")

// ParseKey reads a key in PKCS#8 PEM. Errors quote nothing of it.
func ParseKey(text []byte) (*Key, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != pemType || len(rest) > 0 {
		return nil, errNotPEM
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errNotPEM
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errNotPEM
	}
	return newKey(private), nil
}

// NewKeyPEM makes a key.
func NewKeyPEM() []byte {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic("promise: no key could be made: " + err.Error()) // crypto/rand never fails
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic("promise: a key does not marshal: " + err.Error())
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})
}

// KeepKey makes a key at path unless there is a file.
func KeepKey(path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return durable.WriteFile(path, NewKeyPEM(), keyMode)
	}
	return err
}

// JWK is a public key (RFC 7517 and RFC 8037, section 2).
type JWK struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	X   string `json:"x"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Use string `json:"use"`
}

func jwkOf(public ed25519.PublicKey) JWK {
	x := base64.RawURLEncoding.EncodeToString(public)
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + x + `"}`)) // RFC 7638, section 3.2
	return JWK{Kty: "OKP", Crv: "Ed25519", X: x, Kid: base64.RawURLEncoding.EncodeToString(sum[:]), Alg: alg, Use: "sig"}
}

// Bytes writes the JWK.
func (j JWK) Bytes() []byte {
	text, err := json.Marshal(j)
	if err != nil {
		panic("promise: a JWK does not marshal: " + err.Error()) // only strings
	}
	return text
}
