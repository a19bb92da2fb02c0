package promise_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/promise"
)

// What `openssl genpkey -algorithm ed25519` wrote, its public half as `openssl pkey -pubout` gave it, the same key encrypted, and an Ed448
// key, which Go does not know.
const (
	opensslKey = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEILfGsjhT7PvfzV/agMRMwlA5WcParENI9MTmCYslr6GY\n-----END PRIVATE KEY-----\n"
	opensslX   = "ZHCGzuYRaYztBTddATX31ZIUoRGj4VWajrmkeTJ4Y0o"
	encrypted  = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhd0S6UdgFp1AICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPswI3g5yzk9yvoiCsTBum8EQDt6
ko3Qm+sZ6GGE6qWiey0y3ymR/ISYLUEZS/n2R/2f5qCxgn8q9FoMmvTcxlFvURMF
60CsDXjMw3vfv9yrruE=
-----END ENCRYPTED PRIVATE KEY-----
`
	ed448 = `-----BEGIN PRIVATE KEY-----
MEcCAQAwBQYDK2VxBDsEOauA6YyvNoiUc/d+qPzLc2WfzKHLvIs9ASHN8mwp9CuG
mv3gL1JwzjheYXZByP1zKFlHB59KDKVi1Q==
-----END PRIVATE KEY-----
`
)

func TestAKeyAsOpensslWritesItIsRead(t *testing.T) {
	for _, text := range []string{opensslKey, strings.ReplaceAll(opensslKey, "\n", "\r\n"), "\n" + strings.TrimSpace(opensslKey) + "\n\n"} {
		k, err := promise.ParseKey([]byte(text))
		require.NoError(t, err)
		require.Equal(t, opensslX, k.JWK().X)
	}
	made := promise.NewKeyPEM()
	require.NotEqual(t, made, promise.NewKeyPEM())
	_, err := promise.ParseKey(made)
	require.NoError(t, err)
	require.Len(t, string(made), len(opensslKey))
}

func block(kind string, headers map[string]string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: der}))
}

func TestWhatIsNotOneEd25519KeyIsRefusedAndNeverShown(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(ec.Public())
	require.NoError(t, err)
	good, _ := pem.Decode([]byte(opensslKey))
	version2 := append(append([]byte{0x30, 0x51, 2, 1, 1}, good.Bytes[5:]...), append([]byte{0x81, 0x21, 0}, bytes64(t, rfcX)...)...) // RFC 5958
	secret := opensslKey[strings.Index(opensslKey, "MC4"):strings.Index(opensslKey, "\n-----END")]
	damaged := strings.Replace(opensslKey, "MC4CAQAw", "MC4CAQEw", 1) // version 1

	for name, c := range map[string]struct{ text, says string }{
		"RSA": {string(pemOf(t, small)), "not an Ed25519 key"}, "EC": {string(pemOf(t, ec)), "not an Ed25519 key"},
		"X25519": {string(pemOf(t, x25519)), "not an Ed25519 key"}, "Ed448": {ed448, "not an Ed25519 key"},
		"encrypted": {encrypted, "is encrypted"},
		"encrypted the old way": {
			block("PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, good.Bytes), "is encrypted",
		},
		"a public key": {block("PUBLIC KEY", nil, public), "is not PKCS#8"}, "OpenSSH": {block("OPENSSH PRIVATE KEY", nil, good.Bytes), "is not PKCS#8"},
		"headers": {block("PRIVATE KEY", map[string]string{"A": "b"}, good.Bytes), "is not PKCS#8"},
		"empty":   {"", "is empty"}, "blank": {" \n\n", "is empty"}, "a seed": {"hunter2 " + rfcD, "is not PEM"}, "base64 alone": {secret, "is not PEM"},
		"two keys": {opensslKey + opensslKey, "several"}, "a key and a certificate": {opensslKey + block("CERTIFICATE", nil, []byte{1}), "several"},
		"a damaged one first": {"-----BEGIN PRIVATE KEY-----\n" + opensslKey, "several"}, "text before": {"hunter2\n" + opensslKey, "before or after"},
		"text after": {opensslKey + "hunter2", "before or after"}, "no end": {opensslKey[:90], "is not PEM"},
		"no DER": {block("PRIVATE KEY", nil, []byte("hunter2")), "damaged"}, "cut off": {block("PRIVATE KEY", nil, good.Bytes[:40]), "damaged"},
		"bytes after the key": {block("PRIVATE KEY", nil, append(good.Bytes[:48:48], 0)), "more in its PKCS#8"}, "another version": {damaged, "more in its PKCS#8"},
		"another public half": {block("PRIVATE KEY", nil, version2), "more in its PKCS#8"},
	} {
		k, err := promise.ParseKey([]byte(c.text))
		require.Nil(t, k, name)
		require.True(t, fault.Is(err, fault.Invalid), name)
		require.ErrorContains(t, err, "the promise key", name)
		require.ErrorContains(t, err, c.says, name)
		for _, quoted := range []string{"hunter2", rfcD, secret, secret[22:30], "DEK"} {
			require.NotContains(t, err.Error(), quoted, name)
		}
	}
}

func TestAKeysFileMustBeItsOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "promise.pem")
	require.NoError(t, os.WriteFile(path, []byte(opensslKey), 0o600))
	for _, mode := range []os.FileMode{0o600, 0o400} {
		require.NoError(t, os.Chmod(path, mode))
		k, err := promise.LoadKey(path)
		require.NoError(t, err)
		require.Equal(t, opensslX, k.JWK().X)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o610} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := promise.LoadKey(path)
		require.ErrorContains(t, err, "chmod 600")
		require.True(t, fault.Is(err, fault.Invalid))
	}
	_, err := promise.LoadKey(t.TempDir())
	require.ErrorContains(t, err, "the promise key is not a regular file")
	_, err = promise.LoadKey("hunter2")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotContains(t, err.Error(), "hunter2")
}

func TestAKeyIsMadeOnceHoweverManyAskForIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "promise.pem")
	ids := make([]string, 8)
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			k, err := promise.KeepKey(path)
			if errs[i] = err; err == nil {
				ids[i] = k.ID()
			}
		})
	}
	all.Wait()
	for i := range ids {
		require.NoError(t, errs[i])
		require.Equal(t, ids[0], ids[i])
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	require.NoError(t, os.WriteFile(path, []byte("a shop's only copy"), 0o600))
	_, err = promise.KeepKey(path)
	require.True(t, fault.Is(err, fault.Invalid))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "a shop's only copy", string(content))
}

func TestNoWayOfPrintingAKeyShowsMoreThanItsID(t *testing.T) {
	k := rfcKey(t)
	seed := bytes64(t, rfcD)
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, nil)).Info("a key", "key", k, "in", struct{ K *promise.Key }{k})
	slog.New(slog.NewTextHandler(&out, nil)).Info("a key", "key", k, "itself", *k)
	asJSON, err := json.Marshal(struct{ K any }{*k})
	require.NoError(t, err)
	out.Write(asJSON)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb, k, *k, struct{ K *promise.Key }{k})
	}
	require.Equal(t, rfcThumbprint, fmt.Sprintf("%v", k))
	require.Equal(t, rfcThumbprint, fmt.Sprintf("%#v", k))
	digits := hex.EncodeToString(seed)[:16]
	for _, secret := range []string{rfcD, digits, strings.ToUpper(digits), "157 97 177", "157, 97, 177", "0x9d, 0x61"} {
		require.NotContains(t, out.String(), secret)
	}
}
