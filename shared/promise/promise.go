// Package promise is the shop's signed word about a sale or a closing: a compact JWS (RFC 7515) with EdDSA over Ed25519 (RFC 8037), and the
// keys that sign and check it (infra/docs/CONTRACT.md). Of JOSE it has that much and no more: what a header could choose elsewhere, such as
// another algorithm or where to fetch a key, is refused here.
package promise

import (
	"strconv"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/fault"
)

// The types of promise, as the header's typ says them (RFC 7515, 4.1.9; explicit typing as in RFC 8725, 3.11). One is never taken for the
// other.
const (
	TypSale    = "tillseal-sale+jwt"
	TypClosing = "tillseal-closing+jwt"
)

// MaxBytes is more than any promise has whose issuer is a name or a URL of ordinary length: about 800 bytes.
const MaxBytes = 4096

// What Open and Inspect refuse a promise for. All three are fault.Invalid.
var (
	// ErrMalformed: it is not a promise of the expected type, whoever signed it.
	ErrMalformed = fault.New(fault.Invalid, "not a promise")
	// ErrUnknownKey: the set has no such key. A shop that changed its key since the set was fetched has one that does.
	ErrUnknownKey = fault.New(fault.Invalid, "the promise names a key that is not in the key set")
	// ErrSignature: the key that it names did not sign this.
	ErrSignature = fault.New(fault.Invalid, "the promise's signature does not match")
)

// Sale is what the shop promises about a record: that it anchors this hash by then. SignSale signs it as it is; OpenSale takes it only if
// every text is non-empty, every number is in JavaScript's exact range (RFC 7493, 2.2) and the rest is as each member says.
type Sale struct {
	Issuer       string      // iss, the shop
	SaleID       string      // sub
	SaleHash     common.Hash // sale_hash
	StoreID      string      // store_id
	TerminalID   string      // terminal_id
	RecordNumber uint64      // record_number, from 1
	IssuedAt     int64       // iat, Unix seconds
	AnchorBy     int64       // anchor_by, Unix seconds, not before IssuedAt
	ChainID      string      // chain_id, decimal; "" where the shop names no contract
	Contract     string      // contract, EIP-55; "" with ChainID
}

// Closing is what the shop says a terminal's closing was. OpenClosing takes the same forms as OpenSale.
type Closing struct {
	Issuer        string      // iss, the shop
	ClosingHash   common.Hash // closing_hash
	StoreID       string      // store_id
	TerminalID    string      // terminal_id
	ClosingNumber uint64      // closing_number, from 1
	IssuedAt      int64       // iat, Unix seconds
}

// ID is the closing's identifier, the promise's sub: <terminal>/<n>.
func (c Closing) ID() string { return c.TerminalID + "/" + strconv.FormatUint(c.ClosingNumber, 10) }

// OpenSale returns the claims of a sale's promise that a key of the set signed. They hold nothing about whether the promise was kept.
func OpenSale(jws string, keys Set) (Sale, error) {
	claims, err := open(jws, TypSale, keys)
	if err != nil {
		return Sale{}, err
	}
	return readSale(claims)
}

// OpenClosing returns the claims of a closing's promise that a key of the set signed.
func OpenClosing(jws string, keys Set) (Closing, error) {
	claims, err := open(jws, TypClosing, keys)
	if err != nil {
		return Closing{}, err
	}
	return readClosing(claims)
}

// Inspect returns the claims of a sale's promise UNVERIFIED: anybody can have written them. They serve to find the shop's keys, or to show
// what somebody claims; whoever relies on one calls OpenSale.
func Inspect(jws string) (Sale, error) {
	m, err := split(jws, TypSale)
	if err != nil {
		return Sale{}, err
	}
	return readSale(m.payload)
}
