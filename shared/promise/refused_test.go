package promise_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/promise"
)

func TestAnAlteredBitIsRefusedWhereverItIs(t *testing.T) {
	k := rfcKey(t)
	for name, jws := range map[string]string{"sale": k.SignSale(tea()), "closing": k.SignClosing(evening())} {
		open := func(jws string) error {
			_, err := promise.OpenSale(jws, setOf(k))
			if name == "closing" {
				_, err = promise.OpenClosing(jws, setOf(k))
			}
			return err
		}
		require.NoError(t, open(jws))
		part := strings.Split(jws, ".")
		for p := range part {
			raw := bytes64(t, part[p])
			for i := range raw { // a bit of each byte, each of the eight in turn
				raw[i] ^= 1 << (i % 8)
				altered := append([]string(nil), part...)
				altered[p] = text64(string(raw))
				raw[i] ^= 1 << (i % 8)
				err := open(strings.Join(altered, "."))
				require.Error(t, err, "%s: part %d, byte %d", name, p, i)
				if p > 0 {
					require.ErrorIs(t, err, promise.ErrSignature)
				}
			}
		}
		for i := range jws { // of the text itself, where a character of a part's end has bits that stand for nothing
			for bit := range 8 {
				if i%8 != bit && i+1 < len(jws) && jws[i+1] != '.' {
					continue
				}
				altered := []byte(jws)
				altered[i] ^= 1 << bit
				require.Error(t, open(string(altered)), "%s: character %d, bit %d", name, i, bit)
			}
		}
	}
}

func TestASaleIsNoClosingAndAClosingNoSale(t *testing.T) {
	k := rfcKey(t)
	_, err := promise.OpenClosing(k.SignSale(tea()), setOf(k))
	require.ErrorIs(t, err, promise.ErrMalformed)
	require.ErrorContains(t, err, "typ of its header is not tillseal-closing+jwt")
	_, err = promise.OpenSale(k.SignClosing(evening()), setOf(k))
	require.ErrorIs(t, err, promise.ErrMalformed)
	for jws, open := range map[string]func(string) error{
		forge(t, closingHeader, salePayload): func(s string) error { _, err := promise.OpenClosing(s, setOf(k)); return err },
		forge(t, saleHeader, closingPayload): func(s string) error { _, err := promise.OpenSale(s, setOf(k)); return err },
	} {
		require.ErrorIs(t, open(jws), promise.ErrMalformed)
	}
}

func TestAnotherAlgorithmOrAHeaderWithMoreIsRefused(t *testing.T) {
	k := rfcKey(t)
	header := func(members string) string {
		return "{" + members + `,"typ":"tillseal-sale+jwt","kid":"` + rfcThumbprint + `"}`
	}
	for _, h := range []string{
		header(`"alg":"none"`), header(`"alg":"None"`), header(`"alg":"HS256"`), header(`"alg":"ES256"`), header(`"alg":"Ed25519"`), header(`"alg":"eddsa"`),
		header(`"alg":""`), header(`"alg":null`), header(`"alg":["EdDSA"]`), header(`"alg":"EdDSA","alg":"EdDSA"`), header(`"ALG":"EdDSA"`),
		header(`"alg":"EdDSA","crit":["exp"]`), header(`"alg":"EdDSA","b64":false`), header(`"alg":"EdDSA","jku":"https://evil.example"`),
		header(`"alg":"EdDSA","x5c":[]`), header(`"alg":"EdDSA","cty":"jwt"`), header(`"alg":"EdDSA","jwk":` + string(k.JWK().Bytes())),
		`{"alg":"EdDSA","typ":"tillseal-sale+jwt"}`, `{"alg":"EdDSA","kid":"` + rfcThumbprint + `"}`, strings.Replace(saleHeader, "tillseal-sale+jwt", "JWT", 1),
		strings.Replace(saleHeader, "tillseal", "Tillseal", 1), strings.Replace(saleHeader, "tillseal-sale", "application/tillseal-sale", 1),
		`[]`, `"EdDSA"`, `null`, ``, saleHeader + saleHeader, saleHeader + "x",
	} {
		_, err := promise.OpenSale(forge(t, h, salePayload), setOf(k))
		require.ErrorIs(t, err, promise.ErrMalformed, h)
		_, err = promise.Inspect(forge(t, h, salePayload))
		require.ErrorIs(t, err, promise.ErrMalformed, h)
	}
	_, err := promise.OpenSale(forge(t, ` { "kid":"`+rfcThumbprint+`", "typ":"tillseal-sale+jwt" ,"alg":"EdDSA"}`, salePayload), setOf(k))
	require.NoError(t, err, "another spelling of the same header")

	signed := text64(header(`"alg":"HS256"`)) + "." + text64(salePayload) // the public key as an HMAC secret
	for _, secret := range [][]byte{bytes64(t, rfcX), []byte(rfcX), k.JWK().Bytes()} {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		_, err := promise.OpenSale(signed+"."+text64(string(mac.Sum(nil))), setOf(k))
		require.ErrorIs(t, err, promise.ErrMalformed)
	}
	_, err = promise.OpenSale(text64(header(`"alg":"none"`))+"."+text64(salePayload)+".", setOf(k))
	require.ErrorIs(t, err, promise.ErrMalformed)
}

func TestATextThatIsNotThreePlainPartsIsRefused(t *testing.T) {
	k := rfcKey(t)
	jws := k.SignSale(tea())
	part := strings.Split(jws, ".")
	for name, text := range map[string]string{
		"empty": "", "dots": "..", "two parts": part[0] + "." + part[1], "four parts": jws + ".", "five parts": jws + "..", "space after": jws + " ",
		"line break after": jws + "\n", "line break inside": part[0] + "." + part[1] + "." + part[2][:10] + "\n" + part[2][10:],
		"carriage return inside": part[0] + "." + part[1][:8] + "\r\n" + part[1][8:] + "." + part[2], "space before": " " + jws,
		"padded": jws + "==", "other alphabet": part[0] + "." + part[1] + "." + strings.Repeat("+/", 43),
		"short signature": part[0] + "." + part[1] + "." + text64(strings.Repeat("x", 63)), "long signature": jws + "AAA",
		"no signature": part[0] + "." + part[1] + ".", "JSON": `{"payload":"` + part[1] + `","signature":"` + part[2] + `"}`,
		"too long": jws[:len(part[0])+1] + strings.Repeat("A", promise.MaxBytes), "a terabyte's beginning": strings.Repeat("A.", 1<<16),
	} {
		_, err := promise.OpenSale(text, setOf(k))
		require.ErrorIs(t, err, promise.ErrMalformed, name)
		require.True(t, fault.Is(err, fault.Invalid), name)
		_, err = promise.Inspect(text)
		require.ErrorIs(t, err, promise.ErrMalformed, name)
	}
	last := part[2][len(part[2])-1] // of 64 bytes the last character carries 2 bits and 4 that stand for nothing
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	twin := jws[:len(jws)-1] + string(alphabet[strings.IndexByte(alphabet, last)+1])
	require.Equal(t, bytes64(t, part[2]), bytes64(t, strings.Split(twin, ".")[2]), "the same bytes to a lax decoder")
	_, err := promise.OpenSale(twin, setOf(k))
	require.ErrorIs(t, err, promise.ErrMalformed)
}

// near is a signed payload with one thing changed, and what is said of it.
type near struct{ from, to, says string }

func TestASaleWithWrongClaimsIsRefusedWhoeverSignedIt(t *testing.T) {
	k := rfcKey(t)
	const digits = "ab00000000000000000000000000000000000000000000000000000000000001"
	for _, c := range append(commonNear("record_number", "1042", digits), []near{
		{`"sub":"01a1f94f-e264-7599-97ba-9d8ea7e314e5"`, `"sub":""`, "sub"},
		{`"anchor_by":1795326331`, `"anchor_by":1795322730`, "anchor_by of its payload lies before iat"},
		{`,"anchor_by":1795326331`, ``, "anchor_by of its payload is missing"},
		{`"chain_id":"1"`, `"chain_id":1`, "chain_id"},
		{`"chain_id":"1"`, `"chain_id":""`, "chain_id"},
		{`"chain_id":"1"`, `"chain_id":"01"`, "chain_id"},
		{`"chain_id":"1"`, `"chain_id":"0x1"`, "chain_id"},
		{`"chain_id":"1"`, `"chain_id":"1` + strings.Repeat("0", 78) + `"`, "chain_id"},
		{`"chain_id":"1",`, ``, "chain_id of its payload is missing"},
		{`,"contract":"0x5FbDB2315678afecb367f032d93F642f64180aa3"`, ``, "contract of its payload is missing"},
		{`0x5FbDB2315678afecb367f032d93F642f64180aa3`, `0x5fbdb2315678afecb367f032d93f642f64180aa3`, "contract"},
		{`0x5FbDB2315678afecb367f032d93F642f64180aa3`, `5FbDB2315678afecb367f032d93F642f64180aa3`, "contract"},
		{`0x5FbDB2315678afecb367f032d93F642f64180aa3`, ``, "contract"},
	}...) {
		require.Contains(t, salePayload, c.from)
		payload := strings.Replace(salePayload, c.from, c.to, 1)
		_, err := promise.OpenSale(forge(t, saleHeader, payload), setOf(k))
		require.ErrorIs(t, err, promise.ErrMalformed, payload)
		require.ErrorContains(t, err, c.says, payload)
	}
	for _, payload := range []string{
		strings.Replace(salePayload, "1795326331", "1795322731", 1), strings.Replace(salePayload, "1042", "1", 1),
		strings.Replace(salePayload, "1042", "9007199254740991", 1), strings.Replace(salePayload, `"chain_id":"1"`, `"chain_id":"1`+strings.Repeat("0", 77)+`"`, 1),
	} {
		_, err := promise.OpenSale(forge(t, saleHeader, payload), setOf(k))
		require.NoError(t, err, payload)
	}
}

func TestAClosingWithWrongClaimsIsRefusedWhoeverSignedIt(t *testing.T) {
	k := rfcKey(t)
	const digits = "ab00000000000000000000000000000000000000000000000000000000000001"
	for _, c := range append(commonNear("closing_number", "7", digits), []near{
		{`"sub":"t1/7"`, `"sub":"t1/8"`, "sub of its payload is not terminal_id/closing_number"},
		{`"sub":"t1/7"`, `"sub":"t2/7"`, "sub"},
		{`"sub":"t1/7"`, `"sub":"t1/07"`, "sub"},
		{`"iat":1795322731}`, `"iat":1795322731,"anchor_by":1795322731}`, "none of"},
	}...) {
		require.Contains(t, closingPayload, c.from)
		payload := strings.Replace(closingPayload, c.from, c.to, 1)
		_, err := promise.OpenClosing(forge(t, closingHeader, payload), setOf(k))
		require.ErrorIs(t, err, promise.ErrMalformed, payload)
		require.ErrorContains(t, err, c.says, payload)
	}
}

// commonNear is what a sale and a closing are refused for alike; digits are the hash's.
func commonNear(number, value, digits string) []near {
	at := fmt.Sprintf(`"%s":%s,`, number, value)
	all := []near{
		{`"iss":"https://shop.example",`, ``, "iss of its payload is missing"},
		{`"https://shop.example"`, `""`, "iss of its payload is empty"},
		{`"https://shop.example"`, `7`, "iss of its payload is a number, not a string"},
		{`"https://shop.example"`, `null`, "iss"},
		{`"https://shop.example"`, `"\ud800"`, "strict JSON"},
		{`"https://shop.example"`, "\"\xff\"", "strict JSON"},
		{`"store_id":"s1"`, `"store_id":"s1","store_id":"s1"`, "strict JSON"},
		{`"store_id":"s1"`, `"store_id":"s1","Store_id":"s2"`, "none of"},
		{`"store_id":"s1"`, `"store_id":"s1","exp":1795322731`, "none of"},
		{`"store_id":"s1"`, `"store_id":""`, "store_id"},
		{`"terminal_id":"t1"`, `"terminal_id":["t1"]`, "terminal_id"},
		{`"iat":1795322731`, `"iat":"1795322731"`, "iat"},
		{`"iat":1795322731`, `"iat":-1`, "iat"},
		{`"0x` + digits, `"0X` + digits, "hash"},
		{`"0x` + digits, `"` + digits, "hash"},
		{`"0x` + digits, `"0xA` + digits[1:], "hash"},
		{`"0x` + digits, `"0x` + digits[1:], "hash"},
		{`"0x` + digits, `"0x0` + digits, "hash"},
		{`"0x` + digits, `"0xg` + digits[1:], "hash"},
		{`{"iss"`, `[{"iss"`, "strict JSON"},
		{`{"iss"`, `{}{"iss"`, "strict JSON"},
		{at, ``, number + " of its payload is missing"},
	}
	for _, wrong := range []string{"0", "-1", "-0", value + ".0", value + "e0", `"` + value + `"`, "9007199254740992", "18446744073709551616", "true", "null"} {
		all = append(all, near{at, fmt.Sprintf(`"%s":%s,`, number, wrong), number})
	}
	return all
}
