package promise_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/promise"
)

const rfcJWK = `{"kty":"OKP","crv":"Ed25519","x":"` + rfcX + `","kid":"` + rfcThumbprint + `","alg":"EdDSA","use":"sig"}`

func TestAJWKHasOneForm(t *testing.T) {
	k := rfcKey(t)
	require.Equal(t, rfcJWK, string(k.JWK().Bytes()))
	require.Equal(t, `{"keys":[`+rfcJWK+`]}`, string(setOf(k).Bytes()))
	require.Equal(t, `{"keys":[]}`, string(promise.Set{}.Bytes()))
	j, err := promise.ParseJWK([]byte(rfcJWK))
	require.NoError(t, err)
	require.Equal(t, k.JWK(), j)
	j, err = promise.ParseJWK([]byte(` { "use":"sig","alg":"EdDSA", "kid":"` + rfcThumbprint + `","x":"` + rfcX + `","crv":"Ed25519","kty":"OKP"} `))
	require.NoError(t, err)
	require.Equal(t, rfcJWK, string(j.Bytes()))
}

// wrongJWKs are near misses that a set passes over.
var wrongJWKs = []near{
	{`"OKP"`, `"EC"`, "kty"},
	{`"OKP"`, `"okp"`, "kty"},
	{`"OKP"`, `7`, "kty"},
	{`"kty":"OKP",`, ``, "kty"},
	{`"Ed25519"`, `"Ed448"`, "crv"},
	{`"Ed25519"`, `"X25519"`, "crv"},
	{`"EdDSA"`, `"ES256"`, "alg"},
	{`,"alg":"EdDSA"`, ``, "alg"},
	{`"sig"`, `"enc"`, "use"},
	{rfcX, rfcX + "=", "x is not 32 bytes"},
	{rfcX, rfcX[:42], "x is not 32 bytes"},
	{rfcX, rfcX + "AA", "x is not 32 bytes"},
	{rfcX, rfcX[:42] + "p", "x is not 32 bytes"}, // the same bytes to a lax decoder
	{rfcX, rfcX[:10] + `\n` + rfcX[10:], "x is not 32 bytes"},
	{rfcX, ``, "x is not 32 bytes"},
	{rfcX, "2" + rfcX[1:], "thumbprint"},
	{rfcThumbprint, "l" + rfcThumbprint[1:], "thumbprint"},
	{rfcThumbprint, rfcThumbprint + "=", "thumbprint"},
	{rfcThumbprint, ``, "thumbprint"},
}

func TestAJWKThatIsNotOursIsRefused(t *testing.T) {
	cases := append([]near{
		{`"use":"sig"`, `"use":"sig","d":"` + rfcD + `"`, "private half"},
		{`"use":"sig"`, `"use":"sig","key_ops":["verify"]`, "none of"},
		{`"use":"sig"`, `"use":"sig","use":"sig"`, "strict JSON"},
		{`"sig"}`, `"sig"}x`, "strict JSON"},
		{rfcJWK, `[]`, "an array"},
		{rfcJWK, ``, "strict JSON"},
		{rfcJWK, strings.Repeat(" ", promise.MaxSetBytes) + rfcJWK, "at most"},
	}, wrongJWKs...)
	for _, c := range cases {
		require.Contains(t, rfcJWK, c.from)
		_, err := promise.ParseJWK([]byte(strings.Replace(rfcJWK, c.from, c.to, 1)))
		require.True(t, fault.Is(err, fault.Invalid), c.to)
		require.ErrorContains(t, err, c.says, c.to)
	}
}

func TestASetPassesOverWhatItDoesNotKnow(t *testing.T) {
	other, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	keys := []string{`{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"` + rfcThumbprint + `"}`, `{}`}
	for _, c := range wrongJWKs {
		keys = append(keys, strings.Replace(rfcJWK, c.from, c.to, 1))
	}
	keys = append(keys, strings.Replace(rfcJWK, `{`, `{"key_ops":["verify"],"x5t":{"a":[null]},`, 1), string(other.JWK().Bytes()))
	s, err := promise.ParseSet([]byte(`{"version":3,"keys":[` + strings.Join(keys, ", ") + `],"more":[{}]}`))
	require.NoError(t, err)
	require.Equal(t, setOf(rfcKey(t), other), s)
	again, err := promise.ParseSet(s.Bytes())
	require.NoError(t, err)
	require.Equal(t, s, again)
	s, err = promise.ParseSet([]byte(`{"keys":[]}`))
	require.NoError(t, err)
	require.Empty(t, s.Keys)
}

func TestASetThatCouldMeanTwoThingsIsRefused(t *testing.T) {
	many := func(n int) string { return `{"keys":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}` }
	_, err := promise.ParseSet([]byte(many(promise.MaxKeys)))
	require.NoError(t, err)
	for text, says := range map[string]string{
		``: "strict JSON", `[]`: "an array keys", `{}`: "an array keys", `null`: "an array keys", `{"keys":null}`: "an array keys", `{"keys":{}}`: "an array keys",
		`{"Keys":[]}`: "an array keys", `{"keys":[],"keys":[]}`: "strict JSON", `{"keys":[]}{}`: "strict JSON", rfcJWK: "an array keys",
		`{"keys":[` + rfcJWK + `,` + rfcJWK + `]}`:                                "keys[1] repeats the kid",
		`{"keys":[{},` + strings.Replace(rfcJWK, `{`, `{"x5u":"",`, 1) + `,"x"]}`: "keys[2] is a string",
		`{"keys":[` + strings.Replace(rfcJWK, `{`, `{"d":"`+rfcD+`",`, 1) + `]}`:  "keys[0] has its private half",
		many(promise.MaxKeys + 1):                                                 "257 keys, at most 256",
		`{"keys":[` + strings.Repeat(" ", promise.MaxSetBytes) + `]}`:             "at most 65536",
	} {
		_, err := promise.ParseSet([]byte(text))
		require.True(t, fault.Is(err, fault.Invalid), text)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), rfcD)
	}
	full := promise.Set{}
	for range promise.MaxKeys {
		k, err := promise.ParseKey(promise.NewKeyPEM())
		require.NoError(t, err)
		full.Keys = append(full.Keys, k.JWK())
	}
	again, err := promise.ParseSet(full.Bytes())
	require.NoError(t, err, "as many keys as a set may have fit into its bytes")
	require.Equal(t, full, again)
}

// For a public key of order n, S = 0 and R = the neutral element verify each nth message, on average: whoever holds no key has signed it.
func TestAKeyForWhichAnybodyCanSignIsRefused(t *testing.T) {
	neutral := append([]byte{1}, make([]byte, 63)...)
	for _, y := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 0 again, not reduced
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 1
	} {
		point, err := hex.DecodeString(y)
		require.NoError(t, err)
		for _, sign := range []byte{0, 0x80} {
			weak := bytes.Clone(point)
			weak[31] |= sign
			forged := false
			for i := 0; i < 500 && !forged; i++ {
				forged = ed25519.Verify(weak, fmt.Appendf(nil, "message %d", i), neutral)
			}
			require.True(t, forged, "%x: this test does not show what it claims", weak)
			_, err := promise.ParseJWK(jwkWith(t, weak))
			require.ErrorContains(t, err, "anybody can sign", "%x", weak)
		}
	}
	for _, y := range []string{
		"f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	} {
		point, err := hex.DecodeString(y)
		require.NoError(t, err)
		_, err = promise.ParseJWK(jwkWith(t, point))
		require.ErrorContains(t, err, "canonical", y)
	}
	large, err := hex.DecodeString("ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f") // the largest y that is not weak
	require.NoError(t, err)
	_, err = promise.ParseJWK(jwkWith(t, large))
	require.NoError(t, err)
}

func jwkWith(t *testing.T, x []byte) []byte {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString(x)
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + text + `"}`))
	b, err := json.Marshal(promise.JWK{Kty: "OKP", Crv: "Ed25519", X: text, Kid: text64(string(sum[:])), Alg: "EdDSA", Use: "sig"})
	require.NoError(t, err)
	return b
}
