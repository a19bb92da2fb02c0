// Package promise is the shop's signed word: a compact JWS (RFC 7515) over what it has recorded.
package promise

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"

	"github.com/ethereum/go-ethereum/common"
)

// Types of promises, the typ of their headers.
const (
	TypSale    = "tillseal-sale+jwt"
	TypClosing = "tillseal-closing+jwt"

	alg = "EdDSA" // RFC 8037, section 3.1
)

// Sale is the promise that a record stands in a batch on the chain by a time.
type Sale struct {
	Issuer       string      `json:"iss"`
	SaleID       string      `json:"sub"`
	SaleHash     common.Hash `json:"sale_hash"`
	StoreID      string      `json:"store_id"`
	TerminalID   string      `json:"terminal_id"`
	RecordNumber uint64      `json:"record_number"`
	IssuedAt     int64       `json:"iat"`       // Unix seconds: recorded_at
	AnchorBy     int64       `json:"anchor_by"` // Unix seconds
	ChainID      string      `json:"chain_id,omitempty"`
	Contract     string      `json:"contract,omitempty"` // EIP-55
}

// Closing is the promise of a closing.
type Closing struct {
	Issuer        string      `json:"iss"`
	Name          string      `json:"sub"` // <terminal>/<n>
	ClosingHash   common.Hash `json:"closing_hash"`
	StoreID       string      `json:"store_id"`
	TerminalID    string      `json:"terminal_id"`
	ClosingNumber uint64      `json:"closing_number"`
	IssuedAt      int64       `json:"iat"` // Unix seconds: closed_at
}

// SignSale signs the promise of a record: the same claims give the same bytes (RFC 8032).
func (k *Key) SignSale(claims Sale) string { return k.sign(k.sale, claims) }

// SignClosing signs the promise of a closing.
func (k *Key) SignClosing(claims Closing) string { return k.sign(k.closing, claims) }

func (k *Key) sign(header []byte, claims any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic("promise: claims do not marshal: " + err.Error()) // only strings, numbers and hashes
	}
	encoding := base64.RawURLEncoding
	out := make([]byte, 0, len(header)+encoding.EncodedLen(len(payload))+1+encoding.EncodedLen(ed25519.SignatureSize))
	out = encoding.AppendEncode(append(out, header...), payload)
	signature := ed25519.Sign(k.private, out)
	return string(encoding.AppendEncode(append(out, '.'), signature))
}
