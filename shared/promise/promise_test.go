package promise_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/promise"
)

// The key of RFC 8037, A.1 and A.2, with its thumbprint of A.3.
const (
	rfcD          = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	rfcX          = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	rfcThumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
)

func bytes64(t testing.TB, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	return b
}

func text64(b string) string { return base64.RawURLEncoding.EncodeToString([]byte(b)) }

func rfcPrivate(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	return ed25519.NewKeyFromSeed(bytes64(t, rfcD))
}

func pemOf(t testing.TB, private any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func rfcKey(t testing.TB) *promise.Key {
	t.Helper()
	k, err := promise.ParseKey(pemOf(t, rfcPrivate(t)))
	require.NoError(t, err)
	return k
}

func setOf(keys ...*promise.Key) promise.Set {
	var s promise.Set
	for _, k := range keys {
		s.Keys = append(s.Keys, k.JWK())
	}
	return s
}

// forge signs any header and payload with the key of the RFC, as somebody could who has it.
func forge(t testing.TB, header, payload string) string {
	t.Helper()
	signed := text64(header) + "." + text64(payload)
	return signed + "." + text64(string(ed25519.Sign(rfcPrivate(t), []byte(signed))))
}

const (
	saleHeader    = `{"alg":"EdDSA","typ":"tillseal-sale+jwt","kid":"` + rfcThumbprint + `"}`
	closingHeader = `{"alg":"EdDSA","typ":"tillseal-closing+jwt","kid":"` + rfcThumbprint + `"}`

	salePayload = `{"iss":"https://shop.example","sub":"01a1f94f-e264-7599-97ba-9d8ea7e314e5",` +
		`"sale_hash":"0xab00000000000000000000000000000000000000000000000000000000000001","store_id":"s1","terminal_id":"t1","record_number":1042,` +
		`"iat":1795322731,"anchor_by":1795326331,"chain_id":"1","contract":"0x5FbDB2315678afecb367f032d93F642f64180aa3"}`
	closingPayload = `{"iss":"https://shop.example","sub":"t1/7","closing_hash":"0xab00000000000000000000000000000000000000000000000000000000000001",` +
		`"store_id":"s1","terminal_id":"t1","closing_number":7,"iat":1795322731}`
)

var hash = common.HexToHash("0xab00000000000000000000000000000000000000000000000000000000000001")

func tea() promise.Sale {
	return promise.Sale{
		Issuer: "https://shop.example", SaleID: "01a1f94f-e264-7599-97ba-9d8ea7e314e5", SaleHash: hash, StoreID: "s1", TerminalID: "t1", RecordNumber: 1042,
		IssuedAt: 1795322731, AnchorBy: 1795326331, ChainID: "1", Contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3",
	}
}

func evening() promise.Closing {
	return promise.Closing{Issuer: "https://shop.example", ClosingHash: hash, StoreID: "s1", TerminalID: "t1", ClosingNumber: 7, IssuedAt: 1795322731}
}

func TestEd25519AndTheThumbprintAreThoseOfTheRFC(t *testing.T) {
	require.Equal(t, promise.JWK{Kty: "OKP", Crv: "Ed25519", X: rfcX, Kid: rfcThumbprint, Alg: "EdDSA", Use: "sig"}, rfcKey(t).JWK())
	require.Equal(t, rfcThumbprint, rfcKey(t).ID())
	// A.4 and A.5, whose header has neither typ nor kid: good JWS, and no promise.
	const signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
	const jws = signed + ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
	require.Equal(t, jws, forge(t, `{"alg":"EdDSA"}`, "Example of Ed25519 signing"))
	require.True(t, ed25519.Verify(bytes64(t, rfcX), []byte(signed), bytes64(t, strings.TrimPrefix(jws, signed+"."))))
	_, err := promise.OpenSale(jws, setOf(rfcKey(t)))
	require.ErrorIs(t, err, promise.ErrMalformed)
}

func TestAPromiseHasItsClaimsInOneForm(t *testing.T) {
	k := rfcKey(t)
	require.Equal(t, forge(t, saleHeader, salePayload), k.SignSale(tea()))
	require.Equal(t, k.SignSale(tea()), k.SignSale(tea()))
	require.Equal(t, forge(t, closingHeader, closingPayload), k.SignClosing(evening()))
	require.Less(t, len(k.SignSale(tea())), 900)

	plain := tea()
	plain.ChainID, plain.Contract = "", ""
	without, _, _ := strings.Cut(salePayload, `,"chain_id"`)
	require.Equal(t, forge(t, saleHeader, without+"}"), k.SignSale(plain))

	s, err := promise.OpenSale(k.SignSale(plain), setOf(k))
	require.NoError(t, err)
	require.Equal(t, plain, s)
	c, err := promise.OpenClosing(k.SignClosing(evening()), setOf(k))
	require.NoError(t, err)
	require.Equal(t, evening(), c)
}

func TestAStrangeTextIsEscapedAndComesBack(t *testing.T) {
	k := rfcKey(t)
	for text, written := range map[string]string{
		`"`: `"\""`, `\`: `"\\"`, "\b\t\n\f\r": `"\b\t\n\f\r"`, "\x00\x1f\x7f": "\"\\u0000\\u001f\x7f\"", "Chāy & <b>": `"Chāy & <b>"`,
		"\u2028\u2029🫖": "\"\u2028\u2029🫖\"", `","iss":"x`: `"\",\"iss\":\"x"`, "/": `"/"`,
	} {
		s := tea()
		s.Issuer, s.SaleID, s.StoreID, s.TerminalID = text, text, text, text
		jws := k.SignSale(s)
		require.Contains(t, string(bytes64(t, strings.Split(jws, ".")[1])), `{"iss":`+written+`,"sub":`+written+`,"sale_hash":"`)
		got, err := promise.OpenSale(jws, setOf(k))
		require.NoError(t, err, "%q", text)
		require.Equal(t, s, got)

		c := evening()
		c.Issuer, c.TerminalID = text, text
		again, err := promise.OpenClosing(k.SignClosing(c), setOf(k))
		require.NoError(t, err, "%q", text)
		require.Equal(t, c, again)
	}
	broken := tea()
	broken.Issuer = "a\xffb"
	got, err := promise.OpenSale(k.SignSale(broken), setOf(k))
	require.NoError(t, err)
	require.Equal(t, "a\uFFFDb", got.Issuer)
}

func TestWhateverIsSignedComesBack(t *testing.T) {
	k := rfcKey(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 40, 120)
		number := rapid.Uint64Range(1, 1<<53-1)
		issued := rapid.Int64Range(0, 1<<52).Draw(t, "iat")
		s := promise.Sale{
			Issuer: text.Draw(t, "iss"), SaleID: text.Draw(t, "sub"), SaleHash: common.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash")),
			StoreID: text.Draw(t, "store"), TerminalID: text.Draw(t, "terminal"), RecordNumber: number.Draw(t, "number"),
			IssuedAt: issued, AnchorBy: rapid.Int64Range(issued, 1<<53-1).Draw(t, "by"),
		}
		if rapid.Bool().Draw(t, "chain") {
			s.ChainID, s.Contract = "11155111", common.Address(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "contract")).Hex()
		}
		got, err := promise.OpenSale(k.SignSale(s), setOf(k))
		require.NoError(t, err)
		require.Equal(t, s, got)
		c := promise.Closing{
			Issuer: s.Issuer, ClosingHash: s.SaleHash, StoreID: s.StoreID, TerminalID: s.TerminalID, ClosingNumber: s.RecordNumber, IssuedAt: s.IssuedAt,
		}
		again, err := promise.OpenClosing(k.SignClosing(c), setOf(k))
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

func TestAKeyThatIsNotInTheSetIsToldFromABadSignature(t *testing.T) {
	k := rfcKey(t)
	other, err := promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	_, err = promise.OpenSale(other.SignSale(tea()), setOf(k))
	require.ErrorIs(t, err, promise.ErrUnknownKey)
	require.NotErrorIs(t, err, promise.ErrSignature)
	_, err = promise.OpenSale(k.SignSale(tea()), promise.Set{})
	require.ErrorIs(t, err, promise.ErrUnknownKey)
	_, err = promise.OpenSale(other.SignSale(tea()), setOf(k, other))
	require.NoError(t, err)

	mine, theirs := strings.Split(k.SignSale(tea()), "."), strings.Split(other.SignSale(tea()), ".")
	_, err = promise.OpenSale(mine[0]+"."+mine[1]+"."+theirs[2], setOf(k, other))
	require.ErrorIs(t, err, promise.ErrSignature)
	require.True(t, fault.Is(err, fault.Invalid))

	lie := k.JWK()
	lie.X = other.JWK().X // under the kid of another key
	_, err = promise.OpenSale(k.SignSale(tea()), promise.Set{Keys: []promise.JWK{lie}})
	require.ErrorIs(t, err, promise.ErrUnknownKey)
}

func TestInspectShowsClaimsThatNobodyHasVerified(t *testing.T) {
	part := strings.Split(rfcKey(t).SignSale(tea()), ".")
	s, err := promise.Inspect(part[0] + "." + part[1] + "." + text64(strings.Repeat("x", 64)))
	require.NoError(t, err)
	require.Equal(t, tea(), s)
	_, err = promise.Inspect(rfcKey(t).SignClosing(evening()))
	require.ErrorIs(t, err, promise.ErrMalformed)
	_, err = promise.Inspect(forge(t, saleHeader, `{}`))
	require.ErrorIs(t, err, promise.ErrMalformed)
}
