// Package intact tells whether what is stored of a record is what the gateway committed and the shop signed (infra/docs/CONTRACT.md, 3.5).
// Whoever shows, proves, publishes again or refunds a record checks that first, and so does the audit.
package intact

import (
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// Row is a committed record as it is stored.
type Row struct {
	Facts    sale.Sale // without RequestHash and Salt, which are made of what follows
	Earned   int64     // negative on a refund: the claw
	Redeemed int64     // negative on a refund: the return
	Request  []byte    // as received
	Salt     []byte
	SaleHash []byte
	Promise  string // "" for a record of before there were promises
}

// What is wrong with a row. The texts name no value: they are logged.
var (
	ErrHash     = errors.New("its fields, request and salt do not hash to its sale_hash")
	ErrPromise  = errors.New("its promise is not one that a key of the shop signed over it")
	ErrUnsigned = errors.New("it has no promise, and was recorded when each record got one")
	ErrPoints   = errors.New("the points that it earned and redeemed are not those that were hashed")
	ErrTotal    = errors.New("its total in the smallest unit is not its total")
	ErrAnswer   = errors.New("its stored answer does not say what it says")
)

// Keys are what promises are checked by.
type Keys struct {
	Published    promise.Set // every key that ever signed promises
	UnpromisedUS int64       // records up to this recorded_at, in Unix microseconds, may be without one; -1: none may
}

// Check returns nil for a row that is intact: its facts, request and salt hash to its sale_hash, which is the one that its promise signs under a
// published key, and its points are those that were hashed. Otherwise it returns what is wrong. ErrPromise wraps promise.ErrUnknownKey where the
// promise names a key that is not in the set: a set that was read before the row may lack it.
func (k *Keys) Check(r *Row) error { return k.CheckAll(r)[0] }

// CheckAll is Check of each, which takes less together than one by one.
func (k *Keys) CheckAll(rows ...*Row) []error {
	wrong := make([]error, len(rows))
	var (
		signed []string
		of     []int
	)
	for i, r := range rows {
		switch {
		case !sale.Intact(r.Facts, r.Request, r.Salt, r.SaleHash):
			wrong[i] = ErrHash
		case r.Promise == "":
			wrong[i] = k.unsigned(r)
		default:
			signed, of = append(signed, r.Promise), append(of, i)
		}
	}
	claims, errs := promise.OpenSales(signed, k.Published)
	for n, i := range of {
		wrong[i] = rows[i].promised(&claims[n], errs[n])
	}
	for i, r := range rows {
		if wrong[i] == nil {
			wrong[i] = r.CheckPoints()
		}
	}
	return wrong
}

// unsigned is about a row without a promise.
func (k *Keys) unsigned(r *Row) error {
	if at := r.Facts.RecordedAt; at > math.MaxInt64 || int64(at) > k.UnpromisedUS {
		return ErrUnsigned
	}
	return nil
}

// promised compares a row, whose hash is its own, with the claims of its promise, or why that could not be opened.
func (r *Row) promised(claims *promise.Sale, err error) error {
	f := &r.Facts
	switch {
	case errors.Is(err, promise.ErrUnknownKey):
		return errors.Join(ErrPromise, promise.ErrUnknownKey)
	case err != nil, claims.SaleID != f.SaleID, claims.SaleHash != common.BytesToHash(r.SaleHash), claims.StoreID != f.StoreID,
		claims.TerminalID != f.TerminalID, claims.RecordNumber != f.RecordNumber, claims.IssuedAt != time.UnixMicro(int64(f.RecordedAt)).Unix():
		return ErrPromise
	}
	return nil
}

// CheckPoints returns ErrPoints unless the two figures of which only the difference is hashed are those that follow from what is hashed. What a
// refund of a sale took back and returned follows from its sale and the refunds before it, and is for whoever has those to check.
func (r *Row) CheckPoints() error {
	redeemed := int64(0)
	switch {
	case r.Facts.PointsDelta != r.Earned-r.Redeemed:
		return ErrPoints
	case r.Facts.RefundOf != "":
		return nil
	case r.Facts.Kind == sale.KindSale:
		var err error
		if redeemed, err = redeemedBy(r.Request); err != nil {
			return err
		}
	}
	if r.Redeemed != redeemed {
		return ErrPoints
	}
	return nil
}

// redeemedBy is the redeem_points of a sale's request.
func redeemedBy(request []byte) (int64, error) {
	var sent struct {
		Points json.Number `json:"redeem_points"`
	}
	if err := json.Unmarshal(request, &sent); err != nil {
		return 0, ErrPoints
	}
	if sent.Points == "" {
		return 0, nil
	}
	points, ok := strictjson.Integer(sent.Points.String())
	if !ok {
		return 0, ErrPoints
	}
	return points, nil
}
