package promise_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/promise"
)

var update = flag.Bool("update", false, "rewrite promises.json in both places: a change of it is a change of what verifiers of receipts must read")

// goldenFiles are equal: contracts stands alone, so its JavaScript tests read a copy of their own.
var goldenFiles = []string{"testdata/promises.json", "../../contracts/testdata/promises.json"}

// claims are a payload's, written by encoding/json and not by the code under test.
type claims struct {
	Iss           string `json:"iss"`
	Sub           string `json:"sub"`
	SaleHash      string `json:"sale_hash,omitempty"`
	ClosingHash   string `json:"closing_hash,omitempty"`
	StoreID       string `json:"store_id"`
	TerminalID    string `json:"terminal_id"`
	RecordNumber  uint64 `json:"record_number,omitempty"`
	ClosingNumber uint64 `json:"closing_number,omitempty"`
	IAT           int64  `json:"iat"`
	AnchorBy      int64  `json:"anchor_by,omitempty"`
	ChainID       string `json:"chain_id,omitempty"`
	Contract      string `json:"contract,omitempty"`
}

type vector struct {
	Typ    string `json:"typ"`
	JWS    string `json:"jws"`
	Claims claims `json:"claims"`
}

type vectors struct {
	JWKS     promise.Set `json:"jwks"`
	Promises []vector    `json:"promises"`
}

// golden are three sales and a closing, signed with the key of RFC 8037.
func golden(t *testing.T) vectors {
	t.Helper()
	k := rfcKey(t)
	plain, strange := tea(), tea()
	plain.SaleID, plain.RecordNumber, plain.ChainID, plain.Contract = "01a1f94f-e264-7599-97ba-9d8ea7e314e6", 1, "", ""
	strange.SaleID, strange.Issuer, strange.TerminalID = "01a1f94f-e264-7599-97ba-9d8ea7e314e7", "Chāy \"& Co\" \\ 🫖\t\u2028<shop>", "t1~2"
	strange.RecordNumber, strange.ChainID = 1<<53-1, "11155111"
	v := vectors{JWKS: setOf(k)}
	for _, s := range []promise.Sale{tea(), plain, strange} {
		v.Promises = append(v.Promises, vector{promise.TypSale, k.SignSale(s), claims{
			Iss: s.Issuer, Sub: s.SaleID, SaleHash: s.SaleHash.Hex(), StoreID: s.StoreID, TerminalID: s.TerminalID, RecordNumber: s.RecordNumber,
			IAT: s.IssuedAt, AnchorBy: s.AnchorBy, ChainID: s.ChainID, Contract: s.Contract,
		}})
	}
	c := evening()
	v.Promises = append(v.Promises, vector{promise.TypClosing, k.SignClosing(c), claims{
		Iss: c.Issuer, Sub: c.ID(), ClosingHash: c.ClosingHash.Hex(), StoreID: c.StoreID, TerminalID: c.TerminalID, ClosingNumber: c.ClosingNumber, IAT: c.IssuedAt,
	}})
	return v
}

func TestPromisesAreWhatTheyWere(t *testing.T) {
	v := golden(t)
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	require.NoError(t, out.Encode(v))
	for _, path := range goldenFiles {
		if *update {
			require.NoError(t, os.WriteFile(path, text.Bytes(), 0o644))
		}
		kept, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text.String(), string(kept), path)
	}
}

// go-jose is what others in Go would check a promise with.
func TestGoJoseVerifiesAPromise(t *testing.T) {
	v := golden(t)
	var keys jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(v.JWKS.Bytes(), &keys))
	for _, p := range v.Promises {
		parsed, err := jose.ParseSignedCompact(p.JWS, []jose.SignatureAlgorithm{jose.EdDSA})
		require.NoError(t, err)
		payload, err := parsed.Verify(keys)
		require.NoError(t, err)
		require.Equal(t, p.Typ, parsed.Signatures[0].Header.ExtraHeaders[jose.HeaderType])
		var got claims
		require.NoError(t, json.Unmarshal(payload, &got))
		require.Equal(t, p.Claims, got)

		part := strings.Split(p.JWS, ".")
		raw := bytes64(t, part[1])
		raw[len(raw)/2] ^= 1
		parsed, err = jose.ParseSignedCompact(part[0]+"."+text64(string(raw))+"."+part[2], []jose.SignatureAlgorithm{jose.EdDSA})
		require.NoError(t, err)
		_, err = parsed.Verify(keys)
		require.ErrorIs(t, err, jose.ErrCryptoFailure)
	}
}

// What go-jose signs is a promise too: the form is JOSE's, not one of our own.
func TestAPromiseThatGoJoseSignedIsOpened(t *testing.T) {
	key := jose.JSONWebKey{Key: rfcPrivate(t), KeyID: rfcThumbprint, Algorithm: string(jose.EdDSA)}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, (&jose.SignerOptions{}).WithType(promise.TypSale))
	require.NoError(t, err)
	signed, err := signer.Sign([]byte(salePayload))
	require.NoError(t, err)
	jws, err := signed.CompactSerialize()
	require.NoError(t, err)
	s, err := promise.OpenSale(jws, setOf(rfcKey(t)))
	require.NoError(t, err)
	require.Equal(t, tea(), s)
}
