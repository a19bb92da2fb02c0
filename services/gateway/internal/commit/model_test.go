package commit_test

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// shopModel is the shop as a patient clerk would keep it, one record after the other, in arithmetic of its own: fractions, no
// groups, no locks, no retries. What the clerk writes down is what the group commit must answer.
type shopModel struct {
	t         require.TestingT
	customers map[string]*customerModel
	records   map[string]*recordModel // by key
	ids       map[string]*recordModel
	seqs      map[int64]*recordModel // who has a number
	number    uint64                 // of the last record
	head      common.Hash            // its sale_hash
}

type customerModel struct {
	balance, purchases int64
	bonusDue           bool
}

type recordModel struct {
	id, body, customer        string
	refund                    bool
	total, refunded           *big.Rat
	earned, redeemed          int64
	clawed, returned          int64
	answer                    loyaltyModel
	earlier                   *recordModel // that has the till's number already
	pens, back                int64        // of this record, and of a sale what came back; pens 0: it does not say
	unreferenced              bool
	recordedAt, currency, key string
}

type loyaltyModel struct {
	Customer                            string
	Purchase, Earned, Redeemed, Balance int64
	Shortfall                           int64
	First                               bool
}

// request is a record before it is written as JSON.
type request struct {
	Kind        string `json:"kind,omitempty"`
	Currency    string `json:"currency"`
	Total       string `json:"total"`
	CustomerID  string `json:"customer_id,omitempty"`
	Redeem      int64  `json:"redeem_points,omitempty"`
	RefundOf    string `json:"refund_of,omitempty"`
	RefundOfKey string `json:"refund_of_key,omitempty"`
	Seq         *int64 `json:"terminal_seq,omitempty"`
	Offline     bool   `json:"offline,omitempty"`
	OccurredAt  string `json:"occurred_at,omitempty"`
	Lines       []pens `json:"lines,omitempty"`
}

// pens are the only goods.
type pens struct {
	SKU      string `json:"sku"`
	Quantity string `json:"quantity"`
	Price    string `json:"unit_price"`
	Discount string `json:"discount"`
}

// verdictModel is what the clerk answers: a refusal, a replay of an earlier answer, or a new one.
type verdictModel struct {
	code   refusal.Code
	replay *recordModel
	new    *recordModel
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

func floor(r *big.Rat) int64 { return new(big.Int).Div(r.Num(), r.Denom()).Int64() }

func (m *shopModel) apply(key uuid.UUID, body []byte) verdictModel {
	if old := m.records[key.String()]; old != nil {
		if old.body != string(body) {
			return verdictModel{code: refusal.KeyReused}
		}
		return verdictModel{replay: old}
	}
	var r request
	require.NoError(m.t, json.Unmarshal(body, &r))
	rec := &recordModel{body: string(body), total: rat(r.Total), refunded: new(big.Rat), currency: r.Currency, key: key.String()}
	if r.Seq != nil {
		if rec.earlier = m.seqs[*r.Seq]; rec.earlier != nil && !r.Offline {
			return verdictModel{code: refusal.SeqReused}
		}
	}
	for _, l := range r.Lines {
		rec.pens += floor(rat(l.Quantity))
	}
	var code refusal.Code
	switch {
	case r.Kind == "refund" && r.RefundOf == "" && r.RefundOfKey == "":
		m.takeBack(r, rec)
	case r.Kind == "refund":
		code = m.refund(r, rec)
	default:
		code = m.sale(r, rec)
	}
	if code != "" {
		return verdictModel{code: code}
	}
	m.records[key.String()] = rec
	if r.Seq != nil && rec.earlier == nil {
		m.seqs[*r.Seq] = rec
	}
	return verdictModel{new: rec}
}

func (m *shopModel) sale(r request, rec *recordModel) refusal.Code {
	worth := new(big.Rat).Mul(rat(fmt.Sprint(r.Redeem)), rat("0.25"))
	if worth.Cmp(rec.total) > 0 {
		return refusal.InvalidRecord
	}
	if r.CustomerID == "" {
		return ""
	}
	c := m.customer(r.CustomerID)
	short := max(r.Redeem-max(c.balance, 0), 0)
	if short > 0 && !r.Offline || short > 1000 {
		return refusal.FewPoints
	}
	m.customers[r.CustomerID] = c
	c.purchases++
	multiplier := "1"
	if c.purchases >= 3 { // the test's rules
		multiplier = "1.5"
	}
	paid := new(big.Rat).Sub(rec.total, worth)
	if due := c.purchases == 1 || c.bonusDue; due {
		if c.bonusDue = paid.Sign() == 0; !c.bonusDue {
			rec.earned = 50
		}
	}
	rec.earned += floor(paid.Mul(paid, rat("0.1")).Mul(paid, rat(multiplier)))
	rec.redeemed, rec.customer = r.Redeem, r.CustomerID
	c.balance += rec.earned - rec.redeemed
	rec.answer = loyaltyModel{
		Customer: r.CustomerID, Purchase: c.purchases, First: c.purchases == 1, Earned: rec.earned, Redeemed: rec.redeemed,
		Balance: c.balance, Shortfall: short,
	}
	return ""
}

func (m *shopModel) customer(id string) *customerModel {
	if c := m.customers[id]; c != nil {
		return c
	}
	return &customerModel{}
}

// takeBack is a return without a receipt.
func (m *shopModel) takeBack(r request, rec *recordModel) {
	rec.refund, rec.unreferenced, rec.customer = true, true, r.CustomerID
	if r.CustomerID == "" {
		return
	}
	c := m.customer(r.CustomerID)
	m.customers[r.CustomerID] = c
	if r.Currency == "INR" { // the test's rules
		rec.earned = -floor(new(big.Rat).Mul(rec.total, rat("0.1")))
	}
	c.balance += rec.earned
	rec.answer = loyaltyModel{Customer: r.CustomerID, Earned: rec.earned, Balance: c.balance}
}

func (m *shopModel) refund(r request, rec *recordModel) refusal.Code {
	sold := m.ids[r.RefundOf]
	if r.RefundOfKey != "" {
		sold = m.records[r.RefundOfKey]
	}
	switch {
	case sold == nil:
		return refusal.NotFound
	case sold.refund, sold.currency != r.Currency:
		return refusal.InvalidRecord
	}
	after := new(big.Rat).Add(sold.refunded, rec.total)
	if after.Cmp(sold.total) > 0 {
		return refusal.RefundExceeds
	}
	if rec.pens > 0 && sold.pens > 0 {
		if sold.back+rec.pens > sold.pens {
			return refusal.RefundExceeds
		}
		sold.back += rec.pens
	}
	sold.refunded = after
	part := new(big.Rat).Quo(after, sold.total)
	clawed := floor(new(big.Rat).Mul(rat(fmt.Sprint(sold.earned)), part))
	returned := floor(new(big.Rat).Mul(rat(fmt.Sprint(sold.redeemed)), part))
	rec.refund, rec.customer = true, sold.customer
	rec.earned, rec.redeemed = -(clawed - sold.clawed), -(returned - sold.returned)
	sold.clawed, sold.returned = clawed, returned
	if c := m.customers[sold.customer]; sold.customer != "" {
		c.balance += rec.earned - rec.redeemed
		rec.answer = loyaltyModel{Customer: sold.customer, Earned: rec.earned, Redeemed: rec.redeemed, Balance: c.balance}
	}
	return ""
}
