package verify

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// record are the members of a request that a sale repeats.
type record struct{ currency, total, kind, customer, refundOf, refundOfKey string }

// checkRequest compares the request with the sale. A till's is its record; that of a record that no till sends is of another form, such as
// the JWK of a key (RFC 7517), of which only the hash is checked.
func checkRequest(p proof, _ view) error {
	if sale.Keccak(p.Request) != p.Sale.RequestHash {
		return errors.New("the request is not the one that was hashed")
	}
	if p.Sale.Kind != sale.KindSale && p.Sale.Kind != sale.KindRefund {
		switch {
		case p.Sale.Currency != money.NoCurrency || p.Sale.Total != "0":
			return fmt.Errorf("a record of kind %s has the currency %s and the total 0", p.Sale.Kind, money.NoCurrency)
		case p.Sale.Kind == sale.KindAdjustment:
			return checkAdjustment(p)
		}
		return nil
	}
	r, err := readRecord(p.Request)
	if err != nil {
		return err
	}
	switch {
	case r.currency != p.Sale.Currency:
		return errors.New("the request has another currency")
	case r.kind != string(p.Sale.Kind):
		return errors.New("the request has another kind")
	case p.Sale.Kind == sale.KindSale && r.customer != p.Sale.CustomerID: // a refund's is the sale's, which it need not name
		return errors.New("the request has another customer")
	case p.Sale.Kind == sale.KindSale && p.Sale.RefundOf != "":
		return errors.New("a sale refunds nothing")
	case p.Sale.Kind == sale.KindRefund && r.refundOf != "" && !strings.EqualFold(r.refundOf, p.Sale.RefundOf): // it may name the sale's key instead
		return errors.New("the request refunds another sale")
	}
	if named := r.refundOf != "" || r.refundOfKey != ""; p.Sale.Kind == sale.KindRefund {
		switch {
		case named && p.Sale.RefundOf == "":
			return errors.New("the request refunds a sale, and this is a return without a receipt")
		case !named && p.Sale.RefundOf != "":
			return errors.New("the request is a return without a receipt, and this refunds a sale")
		case !named && r.customer != p.Sale.CustomerID:
			return errors.New("the request has another customer")
		}
	}
	currency, err := money.ParseCurrency(r.currency)
	if err != nil {
		return errors.New("the currency is not an ISO 4217 code")
	}
	asked, err := currency.Parse(r.total)
	if err != nil {
		return errors.New("the request's total is not an amount of its currency")
	}
	if kept, err := currency.Parse(p.Sale.Total); err != nil || asked != kept {
		return errors.New("the request has another total")
	}
	return nil
}

// checkAdjustment compares what an operator asked for with the points that moved.
func checkAdjustment(p proof) error {
	asked, err := strictjson.Parse(p.Request)
	if err != nil {
		return fmt.Errorf("the request is not strict JSON: %w", err)
	}
	customer, points := asked.Member("customer_id"), asked.Member("points")
	switch {
	case customer == nil || customer.Kind != strictjson.String || customer.Text != p.Sale.CustomerID:
		return errors.New("the request has another customer")
	case points == nil || points.Kind != strictjson.Number || !sameInteger(points.Text, p.Sale.PointsDelta):
		return errors.New("the request has other points")
	}
	return nil
}

func sameInteger(text string, n int64) bool {
	digits, negative := strings.CutPrefix(text, "-")
	got, ok := strictjson.Integer(digits)
	if negative {
		got = -got
	}
	return ok && got == n
}

func readRecord(request []byte) (record, error) {
	r := record{kind: string(sale.KindSale)}
	object, err := strictjson.Parse(request) // as the gateway does
	if err != nil {
		return r, fmt.Errorf("the request is not strict JSON: %w", err)
	}
	if object.Kind != strictjson.Object {
		return r, errors.New("the request is not a JSON object")
	}
	for name, into := range map[string]*string{
		"currency": &r.currency, "total": &r.total, "kind": &r.kind, "customer_id": &r.customer, "refund_of": &r.refundOf,
		"refund_of_key": &r.refundOfKey,
	} {
		if member := object.Member(name); member != nil {
			if member.Kind != strictjson.String {
				return r, fmt.Errorf("the request's %s is not a string", name)
			}
			*into = member.Text
		}
	}
	return r, nil
}

func checkSaleHash(p proof, _ view) error {
	if p.Sale.Hash() != p.SaleHash {
		return errors.New("the sale does not hash to sale_hash")
	}
	return nil
}

func checkTotal(p proof, _ view) error {
	currency, err := money.ParseRecorded(p.Sale.Currency)
	if err != nil {
		return errors.New("the currency is not an ISO 4217 code")
	}
	minor, err := currency.Parse(p.Sale.Total)
	if err != nil || currency.Format(minor) != p.Sale.Total {
		return fmt.Errorf("%s is not a total with exactly %s's digits", p.Sale.Total, currency.Code())
	}
	return nil
}

// checkAmount converts the total anew. A total of zero, and no other, has no rate and is worth 0 wei.
func checkAmount(p proof, _ view) error {
	switch zero := money.IsZero(p.Sale.Total); {
	case zero && p.Rate != nil:
		return errors.New("the total is 0, which needs no rate, and there is one")
	case zero && p.wei.Sign() != 0:
		return fmt.Errorf("the total is 0, and amount_wei is %s", p.wei)
	case zero:
		return nil
	case p.Rate == nil:
		return errors.New("there is no rate, and the total is not 0")
	}
	if p.Rate.Currency != p.Sale.Currency {
		return errors.New("the rate is for another currency")
	}
	total, err := money.ParseDecimal(p.Sale.Total)
	if err != nil {
		return errors.New("the total is not a positive decimal")
	}
	rate, err := money.ParseDecimal(p.Rate.Value)
	if err != nil {
		return errors.New("the rate is not a positive decimal")
	}
	if wei := money.Wei(total, rate); wei.Cmp(p.wei) != 0 {
		return fmt.Errorf("ceil(total * 10^18 / rate) is %s, not %s", wei, p.wei)
	}
	return nil
}

func checkLeaf(p proof, _ view) error {
	leaf, err := merkle.Leaf(p.SaleHash, p.wei)
	if err != nil || leaf != p.Leaf {
		return errors.New("leaf is not the hash of sale_hash and amount_wei")
	}
	return nil
}

func checkProof(p proof, _ view) error {
	if !merkle.Verify(p.Batch.Root, p.Leaf, p.Proof.Proof) {
		return errors.New("the siblings do not lead from the leaf to the root")
	}
	return nil
}

// checkPosition compares leaf_index and size with the proof. The tree is an array of 2n−1 nodes, with its leaves at the end in
// descending order, so leaf i is node 2n−2−i. That determines how long the proof is and, where the sibling is a leaf too, which of the
// two is the greater. A proof with sorted pairs does not show more.
func checkPosition(p proof, _ view) error {
	if p.leafIndex >= p.size {
		return errors.New("leaf_index is not below the batch's size")
	}
	node := 2*p.size - 2 - p.leafIndex
	if depth := bits.Len64(node+1) - 1; len(p.Proof.Proof) != depth {
		return fmt.Errorf("a leaf at this index has %d siblings, not %d", depth, len(p.Proof.Proof))
	}
	if node == 0 {
		return nil
	}
	sibling := node + 1
	if node%2 == 0 {
		sibling = node - 1
	}
	order := p.Proof.Proof[0].Cmp(p.Leaf) // 0: the same leaf twice, at either index
	if leaf := sibling >= p.size-1; leaf && ((sibling < node && order < 0) || (sibling > node && order > 0)) {
		return errors.New("leaf_index does not fit the leaf's neighbour")
	}
	return nil
}

// checkLog follows the proof's own path, in the log as it was when the proof was made.
func checkLog(p proof, _ view) error {
	switch {
	case p.batchID == 0 || p.batchID > p.logSize:
		return fmt.Errorf("a log of size %d does not have batch %d", p.logSize, p.batchID)
	case !batchlog.Verify(p.entry(), batchlog.Included{Size: p.logSize, Root: p.Log.Root, Path: p.Log.Path}):
		return errors.New("log.path does not lead from the batch to log.root")
	}
	return nil
}
