// Package sale holds the facts of a sale that are hashed and proved, and the forms that its identifiers must have.
package sale

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/crypto/sha3"
)

// Kind says what a record is.
type Kind string

// The kinds of record. Tills send the first two; the others are the shop's own, at Operator.
const (
	KindSale   Kind = "sale"
	KindRefund Kind = "refund"

	KindKey        Kind = "key"        // a key that signs promises, recorded before it signs the first
	KindAdjustment Kind = "adjustment" // an operator's correction of a customer's points
)

// Operator is the reserved store, and the reserved terminal in it, of the records that no till sends. Nobody has a key of it.
const Operator = "operator"

// Type is the EIP-712 type that is hashed (infra/docs/CONTRACT.md, 4.1). The order of the members of Sale follows it.
const Type = "Sale(string saleId,string kind,string refundOf,string storeId,string terminalId,uint64 recordNumber,bytes32 previousHash," +
	"string customerId,string currency,string total,int64 pointsDelta,int64 pointsBalance,uint64 purchaseNumber,uint64 recordedAt," +
	"bytes32 requestHash,bytes32 salt)"

// TypeHash is keccak256(Type), the first word of the struct's encoding (EIP-712, "Definition of hashStruct").
var TypeHash = Keccak([]byte(Type))

// Sale is a committed record's facts, each in the form that is hashed. The JSON names and forms are those of a proof.
type Sale struct {
	SaleID         string      // UUID v7 in lower case
	Kind           Kind        //
	RefundOf       string      // the sale's id; "" for a sale
	StoreID        string      //
	TerminalID     string      // with its series, as Chain writes it
	RecordNumber   uint64      // of the terminal's records of this series, dense from 1 in the order of their commits
	PreviousHash   common.Hash // the sale_hash of the terminal's record before; zero for the first
	CustomerID     string      // "" for a guest
	Currency       string      // ISO 4217
	Total          string      // canonical: exactly the currency's decimals
	PointsDelta    int64       // earned − redeemed
	PointsBalance  int64       // after this record; 0 for a guest
	PurchaseNumber uint64      // from 1; 0 for guests and refunds
	RecordedAt     uint64      // Unix microseconds
	RequestHash    common.Hash // keccak256 of the record's bytes as received
	Salt           common.Hash // 32 random bytes, so that nobody can guess a sale from its hash
}

// Hash is the sale_hash: EIP-712 hashStruct of Type, without a domain.
func (s *Sale) Hash() common.Hash {
	var encoded [17 * 32]byte
	word := func(i int) []byte { return encoded[i*32 : (i+1)*32] }
	putHash := func(i int, hash common.Hash) { copy(word(i), hash[:]) }
	copy(word(0), TypeHash[:])
	putHash(1, Keccak([]byte(s.SaleID)))
	putHash(2, usualTexts.hash(string(s.Kind)))
	if s.RefundOf == "" {
		putHash(3, usualTexts.hash(""))
	} else {
		putHash(3, Keccak([]byte(s.RefundOf))) // no two refunds have the same
	}
	putHash(4, usualTexts.hash(s.StoreID))
	putHash(5, usualTexts.hash(s.TerminalID))
	binary.BigEndian.PutUint64(word(6)[24:], s.RecordNumber)
	copy(word(7), s.PreviousHash[:])
	putHash(8, Keccak([]byte(s.CustomerID)))
	putHash(9, usualTexts.hash(s.Currency))
	putHash(10, Keccak([]byte(s.Total)))
	putInt64(word(11), s.PointsDelta)
	putInt64(word(12), s.PointsBalance)
	binary.BigEndian.PutUint64(word(13)[24:], s.PurchaseNumber)
	binary.BigEndian.PutUint64(word(14)[24:], s.RecordedAt)
	copy(word(15), s.RequestHash[:])
	copy(word(16), s.Salt[:])
	return Keccak(encoded[:])
}

// Intact reports whether a stored record still matches its sale_hash: its facts together with its request and its salt as they are stored.
// Facts need neither RequestHash nor Salt. It must be checked before a sale is shown, proved, published again or refunded.
func Intact(facts Sale, request, salt, saleHash []byte) bool {
	if len(salt) != common.HashLength {
		return false
	}
	facts.RequestHash, facts.Salt = Keccak(request), common.BytesToHash(salt)
	hash := facts.Hash()
	return bytes.Equal(hash[:], saleHash)
}

// putInt64 sign-extends to 256 bits, as EIP-712 requires for integers.
func putInt64(word []byte, v int64) {
	if v < 0 {
		for i := range 24 {
			word[i] = 0xff
		}
	}
	binary.BigEndian.PutUint64(word[24:], uint64(v))
}

// Keccak is Ethereum's keccak256.
func Keccak(b []byte) (out common.Hash) {
	h := sha3.NewLegacyKeccak256()
	h.Write(b)
	h.Sum(out[:0])
	return out
}

// proofForm is the JSON of a sale in a proof: the EIP-712 names, integers as strings.
type proofForm struct {
	SaleID         string      `json:"saleId"`
	Kind           Kind        `json:"kind"`
	RefundOf       string      `json:"refundOf"`
	StoreID        string      `json:"storeId"`
	TerminalID     string      `json:"terminalId"`
	RecordNumber   string      `json:"recordNumber"`
	PreviousHash   common.Hash `json:"previousHash"`
	CustomerID     string      `json:"customerId"`
	Currency       string      `json:"currency"`
	Total          string      `json:"total"`
	PointsDelta    string      `json:"pointsDelta"`
	PointsBalance  string      `json:"pointsBalance"`
	PurchaseNumber string      `json:"purchaseNumber"`
	RecordedAt     string      `json:"recordedAt"`
	RequestHash    common.Hash `json:"requestHash"`
	Salt           common.Hash `json:"salt"`
}

// MarshalJSON writes the form of a proof.
func (s Sale) MarshalJSON() ([]byte, error) {
	return json.Marshal(proofForm{
		s.SaleID, s.Kind, s.RefundOf, s.StoreID, s.TerminalID, strconv.FormatUint(s.RecordNumber, 10), s.PreviousHash, s.CustomerID, s.Currency, s.Total,
		strconv.FormatInt(s.PointsDelta, 10), strconv.FormatInt(s.PointsBalance, 10),
		strconv.FormatUint(s.PurchaseNumber, 10), strconv.FormatUint(s.RecordedAt, 10), s.RequestHash, s.Salt,
	})
}

// UnmarshalJSON reads the form of a proof; an integer out of its range is an error that names the member.
func (s *Sale) UnmarshalJSON(b []byte) error {
	var p proofForm
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	var errs [5]error
	*s = Sale{
		SaleID: p.SaleID, Kind: p.Kind, RefundOf: p.RefundOf, StoreID: p.StoreID, TerminalID: p.TerminalID, PreviousHash: p.PreviousHash,
		CustomerID: p.CustomerID, Currency: p.Currency, Total: p.Total, RequestHash: p.RequestHash, Salt: p.Salt,
	}
	s.PointsDelta, errs[0] = strconv.ParseInt(p.PointsDelta, 10, 64)
	s.PointsBalance, errs[1] = strconv.ParseInt(p.PointsBalance, 10, 64)
	s.PurchaseNumber, errs[2] = strconv.ParseUint(p.PurchaseNumber, 10, 64)
	s.RecordedAt, errs[3] = strconv.ParseUint(p.RecordedAt, 10, 64)
	s.RecordNumber, errs[4] = strconv.ParseUint(p.RecordNumber, 10, 64)
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("sale.%s: %w", [...]string{"pointsDelta", "pointsBalance", "purchaseNumber", "recordedAt", "recordNumber"}[i], err)
		}
	}
	return nil
}

var (
	subjectToken = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	customerID   = regexp.MustCompile(`^[A-Za-z0-9._:@+-]{1,64}$`)
)

// ValidPlaceID reports whether id can name a store or a terminal (infra/docs/CONTRACT.md, 1.1): it is a token of a subject.
func ValidPlaceID(id string) bool { return subjectToken.MatchString(id) }

// Chain names a terminal's chain of records in a series, as it is hashed and shown: the terminal's id, from the second series on with the
// series behind it, such as t1~2. Series are counted from 1.
func Chain(terminalID string, series int64) string {
	if series <= 1 {
		return terminalID
	}
	return terminalID + "~" + strconv.FormatInt(series, 10)
}

// ValidSaleID reports whether id is a sale's in its canonical form: a UUID in lower case.
func ValidSaleID(id string) bool {
	const form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
	if len(id) != len(form) {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case form[i] == '-' && c != '-', form[i] == 'x' && (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// ValidCustomerID reports whether id can name a customer (infra/docs/CONTRACT.md, 1.1).
func ValidCustomerID(id string) bool { return customerID.MatchString(id) }

// FormatTime writes Unix microseconds as all interfaces show them: RFC 3339 in UTC with six decimals.
func FormatTime(unixMicros int64) string {
	return time.UnixMicro(unixMicros).UTC().Format("2006-01-02T15:04:05.000000Z")
}
