package promise

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/common"
)

// Room for the claims of almost every sale and for its promise, so that both are written in one go.
const (
	usualPayload = 768
	usualPromise = 1280
)

// SignSales signs the claims of each as they are, which takes less together than one by one; the same ones give the same bytes. What is not
// UTF-8 in a text becomes U+FFFD.
func (k *Key) SignSales(sales []Sale) []string {
	var room [usualPayload]byte
	signed := make([][]byte, len(sales))
	for i := range sales {
		signed[i] = signedPart(k.saleHeader, sales[i].appendClaims(room[:0]))
	}
	return k.seal(signed)
}

// SignSale is SignSales of one.
func (k *Key) SignSale(s Sale) string { return k.SignSales([]Sale{s})[0] }

// SignClosing signs as SignSale does.
func (k *Key) SignClosing(c Closing) string {
	return k.seal([][]byte{signedPart(k.closingHeader, c.appendClaims(nil))})[0]
}

// header is a JWS's first part for a key and a type, with the dot behind it.
func header(kid, typ string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+algorithm+`","typ":"`+typ+`","kid":"`+kid+`"}`)) + "."
}

// signedPart is what is signed of a JWS: all but its last part.
func signedPart(header string, payload []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(append(make([]byte, 0, usualPromise), header...), payload)
}

// seal completes each JWS with its signature.
func (k *Key) seal(signed [][]byte) []string {
	signatures := k.sign(signed)
	all := make([]string, len(signed))
	for i, jws := range signed {
		all[i] = string(base64.RawURLEncoding.AppendEncode(append(jws, '.'), signatures[i][:]))
	}
	return all
}

func (s *Sale) appendClaims(to []byte) []byte {
	to = appendText(append(to, `{"iss":`...), s.Issuer)
	to = appendText(append(to, `,"sub":`...), s.SaleID)
	to = appendHash(append(to, `,"sale_hash":`...), s.SaleHash)
	to = appendText(append(to, `,"store_id":`...), s.StoreID)
	to = appendText(append(to, `,"terminal_id":`...), s.TerminalID)
	to = strconv.AppendUint(append(to, `,"record_number":`...), s.RecordNumber, 10)
	to = strconv.AppendInt(append(to, `,"iat":`...), s.IssuedAt, 10)
	to = strconv.AppendInt(append(to, `,"anchor_by":`...), s.AnchorBy, 10)
	if s.ChainID != "" {
		to = appendText(append(to, `,"chain_id":`...), s.ChainID)
	}
	if s.Contract != "" {
		to = appendText(append(to, `,"contract":`...), s.Contract)
	}
	return append(to, '}')
}

func (c *Closing) appendClaims(to []byte) []byte {
	to = appendText(append(to, `{"iss":`...), c.Issuer)
	to = appendText(append(to, `,"sub":`...), c.ID())
	to = appendHash(append(to, `,"closing_hash":`...), c.ClosingHash)
	to = appendText(append(to, `,"store_id":`...), c.StoreID)
	to = appendText(append(to, `,"terminal_id":`...), c.TerminalID)
	to = strconv.AppendUint(append(to, `,"closing_number":`...), c.ClosingNumber, 10)
	to = strconv.AppendInt(append(to, `,"iat":`...), c.IssuedAt, 10)
	return append(to, '}')
}

func appendHash(to []byte, hash common.Hash) []byte {
	return append(hex.AppendEncode(append(to, `"0x`...), hash[:]), '"')
}

// appendText writes a JSON string as RFC 8785, 3.2.2.2 has it. encoding/json changed its escapes between versions of Go, and the same claims
// must give the same bytes.
func appendText(to []byte, text string) []byte {
	to = append(to, '"')
	for _, r := range text { // what is not UTF-8 is read as U+FFFD
		switch {
		case r == '"' || r == '\\':
			to = append(to, '\\', byte(r))
		case r >= ' ':
			to = utf8.AppendRune(to, r)
		default:
			to = appendControl(to, byte(r))
		}
	}
	return append(to, '"')
}

func appendControl(to []byte, c byte) []byte {
	switch c {
	case '\b':
		return append(to, `\b`...)
	case '\t':
		return append(to, `\t`...)
	case '\n':
		return append(to, `\n`...)
	case '\f':
		return append(to, `\f`...)
	case '\r':
		return append(to, `\r`...)
	}
	return hex.AppendEncode(append(to, `\u00`...), []byte{c})
}
