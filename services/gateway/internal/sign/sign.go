// Package sign gives the shop's word: a signed promise for each record, and the record of the key that signs.
package sign

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
)

// maxIssuer is the longest name of an issuer, in bytes.
const maxIssuer = 200

// Terms are what every promise says alike.
type Terms struct {
	Issuer   string        // who promises
	Within   time.Duration // after recorded_at, by when the batch must stand in a block
	ChainID  string        // with Contract, where; both "" when the shop has not published its contract
	Contract string        // EIP-55
}

// CheckIssuer refuses what is no name for an issuer: iss is a StringOrURI (RFC 7519, section 4.1.1).
func CheckIssuer(issuer string) error {
	switch {
	case issuer == "" || len(issuer) > maxIssuer:
		return fmt.Errorf("must be 1 to %d bytes long, such as https://shop.example", maxIssuer)
	case strings.ContainsFunc(issuer, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return errors.New("must not contain spaces or control characters")
	}
	return nil
}

// ParseContract reads a contract's name of the form of CAIP-10, such as eip155:1:0x…; "" is none.
func ParseContract(name string) (chainID, contract string, err error) {
	if name == "" {
		return "", "", nil
	}
	parts := strings.Split(name, ":")
	if len(parts) != 3 || parts[0] != "eip155" || !isCount(parts[1]) || !common.IsHexAddress(parts[2]) || !strings.HasPrefix(parts[2], "0x") {
		return "", "", errors.New("must be eip155:, the chain's id, : and the contract's address (CAIP-10), such as eip155:1:0x…")
	}
	contract = common.HexToAddress(parts[2]).Hex()
	if parts[2] != contract && parts[2] != strings.ToLower(contract) {
		return "", "", errors.New("has an address with a wrong EIP-55 checksum")
	}
	return parts[1], contract, nil
}

func isCount(s string) bool {
	const maxDigits = 20
	return s != "" && len(s) <= maxDigits && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// Signer signs with one key. It is safe for concurrent use.
type Signer struct {
	key   *promise.Key
	terms Terms
}

// New makes a signer.
func New(key *promise.Key, terms Terms) *Signer { return &Signer{key: key, terms: terms} }

// Sales are the promises of records: the same record gives the same bytes.
func (s *Signer) Sales(rows []*store.Sale) []string {
	claims := make([]promise.Sale, len(rows))
	for i, row := range rows {
		f, at := &row.Facts, time.UnixMicro(int64(row.Facts.RecordedAt))
		claims[i] = promise.Sale{
			Issuer: s.terms.Issuer, SaleID: f.SaleID, SaleHash: row.Hash, StoreID: f.StoreID, TerminalID: f.TerminalID, RecordNumber: f.RecordNumber,
			IssuedAt: at.Unix(), AnchorBy: promise.AnchorBy(at, s.terms.Within).Unix(), ChainID: s.terms.ChainID, Contract: s.terms.Contract,
		}
	}
	return s.key.SignSales(claims)
}

// Closing is the promise of a closing, whose hash is that of all but its promise.
func (s *Signer) Closing(c *event.SalesClosed, hash common.Hash) string {
	at, err := time.Parse(time.RFC3339Nano, c.ClosedAt)
	if err != nil {
		panic("sign: a closing's time can't be read: " + err.Error()) // it was written a moment ago
	}
	return s.key.SignClosing(promise.Closing{
		Issuer: s.terms.Issuer, ClosingHash: hash, StoreID: c.StoreID, TerminalID: c.TerminalID, ClosingNumber: c.ClosingNumber,
		IssuedAt: at.Unix(),
	})
}

// KeyRecord is the record of the key, the same for every gateway that has it: whoever is first commits it, with the key's own promise.
func (s *Signer) KeyRecord() (*commit.Item, error) {
	jwk := s.key.JWK().Bytes()
	rec, err := record.OfKey(jwk)
	if err != nil {
		return nil, err
	}
	return &commit.Item{TerminalID: sale.Operator, StoreID: sale.Operator, Key: keyOf(s.key.ID()), Record: rec, KID: s.key.ID()}, nil
}

// keyOf is the idempotency key of a key's record: a UUID of the form of v4, made of its thumbprint.
func keyOf(kid string) uuid.UUID {
	sum := sha256.Sum256([]byte(kid))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // RFC 9562, section 5.4
	return id
}
