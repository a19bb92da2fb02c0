package promise

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/durable"
	"github.com/tillseal/tillseal/shared/fault"
)

const (
	pemType      = "PRIVATE KEY"
	encryptedPEM = "ENCRYPTED PRIVATE KEY"
	howToMake    = "openssl genpkey -algorithm ed25519 makes one"

	privateFile fs.FileMode = 0o600
	privateDir  fs.FileMode = 0o700
)

// Key signs promises. The private half is held by a function, so that no way of printing a Key can show it. Use by many goroutines is safe.
type Key struct {
	jwk                       JWK
	sign                      func(messages [][]byte) [][ed25519.SignatureSize]byte
	saleHeader, closingHeader string
}

func newKey(private ed25519.PrivateKey) *Key {
	public, _ := private.Public().(ed25519.PublicKey) // always
	jwk := jwkOf(public)
	return &Key{
		jwk:           jwk,
		sign:          newSigner(private, public).sign,
		saleHeader:    header(jwk.Kid, TypSale),
		closingHeader: header(jwk.Kid, TypClosing),
	}
}

// ID is the key's RFC 7638 thumbprint, the kid of what it signs.
func (k *Key) ID() string { return k.jwk.Kid }

// JWK is the public half.
func (k *Key) JWK() JWK { return k.jwk }

// String is the ID.
func (k *Key) String() string { return k.ID() }

// GoString is the ID.
func (k *Key) GoString() string { return k.ID() }

// LogValue is the ID.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.ID()) }

// NewKeyPEM makes a key in the form that ParseKey reads and openssl writes.
func NewKeyPEM() []byte {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // it never fails
	return encodePEM(ed25519.NewKeyFromSeed(seed))
}

func encodePEM(private ed25519.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err) // not for an Ed25519 key
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der})
}

// ParseKey reads exactly one unencrypted PKCS#8 Ed25519 key in PEM (RFC 8410, 7), as openssl genpkey writes it. The error quotes nothing of
// the text.
func ParseKey(text []byte) (*Key, error) {
	der, err := onlyBlock(bytes.TrimSpace(text))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the promise key %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok { // the cause may quote bytes
		return nil, fault.New(fault.Invalid, "the promise key is damaged or not an Ed25519 key; %s", howToMake)
	}
	// What follows inside the DER is not read: it could name another public half, and whoever signs with that one gives the key away.
	if canonical, err := x509.MarshalPKCS8PrivateKey(private); err != nil || !bytes.Equal(canonical, der) {
		return nil, fault.New(fault.Invalid, "the promise key has more in its PKCS#8 than the private key; %s", howToMake)
	}
	return newKey(private), nil
}

// onlyBlock returns the DER of the text's one PEM block.
func onlyBlock(text []byte) ([]byte, error) {
	begin := []byte("-----BEGIN ")
	block, rest := pem.Decode(text)
	switch {
	case len(text) == 0:
		return nil, errors.New("is empty; " + howToMake)
	case bytes.Count(text, begin) > 1:
		return nil, errors.New("has several PEM blocks, one is expected")
	case block == nil:
		return nil, errors.New("is not PEM, or a damaged one; " + howToMake)
	case !bytes.HasPrefix(text, begin) || len(rest) > 0:
		return nil, errors.New("has something before or after its PEM block")
	case block.Type == encryptedPEM || block.Headers["DEK-Info"] != "":
		return nil, errors.New("is encrypted, and a service has nobody to ask: decrypt it with openssl pkey")
	case block.Type != pemType || len(block.Headers) > 0:
		return nil, fmt.Errorf("is not PKCS#8 (BEGIN %s); %s", pemType, howToMake)
	}
	return block.Bytes, nil
}

// LoadKey reads the key in a file that nobody but its owner has any right to. An error is Invalid, and shows neither the path, for which
// somebody may have given the key itself, nor the key.
func LoadKey(path string) (*Key, error) {
	text, err := config.ReadSecretFile("the promise key", path)
	if err != nil {
		return nil, err
	}
	return ParseKey(text)
}

// KeepKey makes the file at path with a new key in it unless there is one, and loads it. Of several processes that do so at once, all get
// the same key. A file that holds something else is Invalid and stays as it is.
func KeepKey(path string) (*Key, error) {
	k, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := os.MkdirAll(filepath.Dir(path), privateDir); err != nil {
		return nil, fmt.Errorf("make a promise key: %w", err)
	}
	if err := durable.CreateFile(path, NewKeyPEM(), privateFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make a promise key: %w", err)
	}
	return LoadKey(path)
}
