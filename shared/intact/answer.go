package intact

import (
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// PromiseIn is the promise that a 201's stored bytes hold, "" where they hold none or can't be read.
func PromiseIn(answer []byte) string {
	for member, err := range strictjson.Pieces(answer) {
		if err != nil {
			return ""
		}
		if member.Name == "promise" {
			if v, err := strictjson.Parse(member.Raw); err == nil && v.Kind == strictjson.String {
				return v.Text
			}
			return ""
		}
	}
	return ""
}

// HasMinor reports whether an amount in minor units, which is not hashed, is a record's total.
func (r *Row) HasMinor(minor int64) bool {
	currency, err := money.ParseRecorded(r.Facts.Currency)
	if err != nil {
		return false
	}
	total, err := currency.Parse(r.Facts.Total)
	return err == nil && int64(total) == minor
}

// CheckAnswer returns nil when a 201's stored bytes say of a record what its row says, which is for Check to check, and ErrAnswer otherwise.
// Members that are not known here are left alone: a later build may have more. So are the receipt's token and warnings, which nothing signs.
func (r *Row) CheckAnswer(answer []byte) error {
	v, err := strictjson.Parse(answer)
	if err != nil {
		return ErrAnswer
	}
	f, is := &r.Facts, says{v, true}
	is.text("sale_id", f.SaleID)
	is.text("kind", string(f.Kind))
	is.text("store_id", f.StoreID)
	is.text("terminal_id", f.TerminalID)
	is.text("recorded_at", sale.FormatTime(int64(f.RecordedAt)))
	is.text("currency", f.Currency)
	is.text("total", f.Total)
	is.number("record_number", strconv.FormatUint(f.RecordNumber, 10))
	is.text("previous_hash", f.PreviousHash.Hex())
	is.flag("unreferenced", f.Kind == sale.KindRefund && f.RefundOf == "")
	is.text("promise", r.Promise)
	is.that(strings.HasPrefix(is.of("receipt_url"), "/receipts/"+f.SaleID+"?t="))
	anchor := is.object("anchor")
	anchor.text("status", "pending")
	anchor.text("sale_hash", common.BytesToHash(r.SaleHash).Hex())
	anchor.text("proof_url", "/sales/"+f.SaleID+"/proof")
	points := says{ok: true}
	if f.CustomerID == "" {
		guest := v.Member("loyalty")
		is.that(guest != nil && guest.Kind == strictjson.Null)
	} else {
		points = is.object("loyalty")
		points.text("customer_id", f.CustomerID)
		points.number("purchase_number", strconv.FormatUint(f.PurchaseNumber, 10))
		points.flag("first_purchase", f.PurchaseNumber == 1)
		points.integer("points_earned", r.Earned)
		points.integer("points_redeemed", r.Redeemed)
		points.integer("points_balance", f.PointsBalance)
		points.shortfall(r)
	}
	if !is.ok || !anchor.ok || !points.ok {
		return ErrAnswer
	}
	return nil
}

// says compares the members of an object with what they should be.
type says struct {
	in *strictjson.Value
	ok bool
}

func (s *says) that(ok bool) { s.ok = s.ok && ok }

func (s *says) object(name string) says {
	v := s.in.Member(name)
	if v == nil || v.Kind != strictjson.Object {
		return says{&strictjson.Value{Kind: strictjson.Object}, false}
	}
	return says{v, true}
}

// of is the text of a string, "" where there is none.
func (s *says) of(name string) string {
	if v := s.in.Member(name); v != nil && v.Kind == strictjson.String {
		return v.Text
	}
	return ""
}

func (s *says) text(name, expected string) { s.that(s.of(name) == expected) }

func (s *says) number(name, expected string) {
	v := s.in.Member(name)
	s.that(v != nil && v.Kind == strictjson.Number && v.Text == expected)
}

func (s *says) integer(name string, expected int64) { s.number(name, strconv.FormatInt(expected, 10)) }

// flag is absent where it is false, or says so.
func (s *says) flag(name string, expected bool) {
	v := s.in.Member(name)
	if v == nil {
		s.that(!expected)
		return
	}
	s.that(v.Kind == strictjson.Bool && (v.Text == "true") == expected)
}

// shortfall is what a sale that was made offline redeemed past the balance before it; where there was none it is left out.
func (s *says) shortfall(r *Row) {
	before := r.Facts.PointsBalance - r.Facts.PointsDelta
	if short := max(r.Redeemed-max(before, 0), 0); short != 0 {
		s.integer("shortfall", short)
		return
	}
	s.that(s.in.Member("shortfall") == nil)
}
