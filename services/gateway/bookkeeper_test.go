package gateway_test

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// bookRules are LOYALTY_RULES with all that the bookkeeper must know: tiers soon, a worth that does not come out even, a currency in
// which points are worth nothing.
const bookRules = `{"version":"book","points_per_unit":{"INR":"0.1","JPY":"0.01","KWD":"3.5"},"first_purchase_bonus":50,
	"tiers":[{"name":"base","from_purchase":1,"multiplier":"1"},{"name":"silver","from_purchase":3,"multiplier":"1.25"},
		{"name":"gold","from_purchase":6,"multiplier":"1.5"}],
	"point_worth":{"INR":"0.25","JPY":"0.5"}}`

// The rules again, as the bookkeeper has them in mind.
var (
	bookPerUnit = map[string]string{"INR": "0.1", "JPY": "0.01", "KWD": "3.5"}
	bookWorth   = map[string]string{"INR": "0.25", "JPY": "0.5"}
	bookDigits  = map[string]int{"INR": 2, "JPY": 0, "KWD": 3}
)

const bookBonus = 50

func bookTier(purchase int64) (name, multiplier string) {
	switch {
	case purchase >= 6:
		return "gold", "1.5"
	case purchase >= 3:
		return "silver", "1.25"
	}
	return "base", "1"
}

// ticket is a record as a till writes it.
type ticket struct {
	Kind        string         `json:"kind,omitempty"`
	Currency    string         `json:"currency"`
	Total       string         `json:"total"`
	CustomerID  string         `json:"customer_id,omitempty"`
	Redeem      int64          `json:"redeem_points,omitempty"`
	Lines       []ticketLine   `json:"lines,omitempty"`
	Tenders     []ticketTender `json:"tenders,omitempty"`
	RefundOf    string         `json:"refund_of,omitempty"`
	RefundOfKey string         `json:"refund_of_key,omitempty"`
	Seq         *int64         `json:"terminal_seq,omitempty"`
}

type ticketLine struct {
	SKU       string `json:"sku,omitempty"`
	Quantity  string `json:"quantity"`
	UnitPrice string `json:"unit_price"`
	Discount  string `json:"discount,omitempty"`
	Tax       string `json:"tax,omitempty"`
}

type ticketTender struct {
	Type   string `json:"type"`
	Amount string `json:"amount"`
}

// counter is a terminal as the bookkeeper knows it.
type counter struct{ store, terminal string }

// bookkeeper is the shop as one patient person would keep it, record by record, from infra/docs/CONTRACT.md, 2 and 3. It uses fractions of
// any size, and neither groups nor locks nor a cache.
type bookkeeper struct {
	customers map[string]*customerBook
	slips     map[string]*slip     // by terminal and key
	sales     map[string]*slip     // by sale_id
	seqs      map[string]bool      // by terminal and number
	chains    map[string]chainBook // by terminal
}

// chainBook is how far a terminal's chain of records goes.
type chainBook struct {
	number uint64
	head   string // sale_hash of the last record
}

type customerBook struct {
	balance, purchases, entries int64
	lastAt                      string // recorded_at of the newest record
}

// slip is what the bookkeeper keeps of an accepted record.
type slip struct {
	ticket   ticket
	text     string // the ticket's JSON value, spelt one way
	from     counter
	customer string
	total    *big.Rat
	refunded *big.Rat
	earned   int64 // of a refund: negative
	redeemed int64
	clawed   int64
	returned int64
	purchase int64
	balance  int64
	body     string // the 201's, once the gateway has answered it
	saleID   string
}

// verdict is what the bookkeeper would answer.
type verdict struct {
	slip   *slip // a 201
	replay bool
	status int
	code   refusal.Code
}

func newBookkeeper() *bookkeeper {
	return &bookkeeper{customers: map[string]*customerBook{}, slips: map[string]*slip{}, sales: map[string]*slip{}, seqs: map[string]bool{}}
}

func refused(code refusal.Code) verdict {
	status := 422
	switch code {
	case refusal.NotFound:
		status = 404
	case refusal.SeqReused:
		status = 409
	default:
	}
	return verdict{status: status, code: code}
}

func fraction(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("no number: " + s)
	}
	return r
}

func whole(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }

func times(a *big.Rat, more ...*big.Rat) *big.Rat {
	out := new(big.Rat).Set(a)
	for _, b := range more {
		out.Mul(out, b)
	}
	return out
}

func down(r *big.Rat) int64 { return new(big.Int).Div(r.Num(), r.Denom()).Int64() }

// tens is how many of its smallest unit a currency has.
func tens(currency string) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(bookDigits[currency])), nil))
}

// roundedHalfUp rounds an amount that is not negative to the currency's smallest unit.
func roundedHalfUp(amount *big.Rat, currency string) *big.Rat {
	units := down(times(amount, tens(currency)).Add(times(amount, tens(currency)), fraction("1/2")))
	return new(big.Rat).Quo(whole(units), tens(currency))
}

// worthOf is what points pay, rounded down to the currency's smallest unit; ok is false where they pay nothing.
func worthOf(points int64, currency string) (worth *big.Rat, ok bool) {
	if points == 0 {
		return new(big.Rat), true
	}
	each, ok := bookWorth[currency]
	if !ok {
		return nil, false
	}
	return new(big.Rat).Quo(whole(down(times(whole(points), fraction(each), tens(currency)))), tens(currency)), true
}

func lineSum(lines []ticketLine, currency string) *big.Rat {
	sum := new(big.Rat)
	for _, l := range lines {
		sum.Add(sum, roundedHalfUp(times(fraction(l.Quantity), fraction(l.UnitPrice)), currency))
		if l.Discount != "" {
			sum.Sub(sum, fraction(l.Discount))
		}
		if l.Tax != "" {
			sum.Add(sum, fraction(l.Tax))
		}
	}
	return sum
}

func paid(tenders []ticketTender) *big.Rat {
	sum := new(big.Rat)
	for _, t := range tenders {
		sum.Add(sum, fraction(t.Amount))
	}
	return sum
}

// take hears a ticket whose JSON value is text, under a key.
func (c *bookkeeper) take(from counter, key, text string, t ticket) verdict {
	total := fraction(t.Total)
	// What the ticket alone shows to be wrong is refused first.
	if t.Lines != nil && lineSum(t.Lines, t.Currency).Cmp(total) != 0 || paid(t.Tenders).Cmp(total) > 0 {
		return refused(refusal.TotalsMismatch)
	}
	under := from.terminal + "/" + key
	if kept := c.slips[under]; kept != nil {
		if kept.text != text {
			return refused(refusal.KeyReused)
		}
		return verdict{slip: kept, replay: true, status: 201}
	}
	number := ""
	if t.Seq != nil {
		if number = fmt.Sprintf("%s/%d", from.terminal, *t.Seq); c.seqs[number] {
			return refused(refusal.SeqReused)
		}
	}
	s := &slip{ticket: t, text: text, from: from, total: total, refunded: new(big.Rat)}
	code := refusal.Code("")
	if t.Kind == "refund" {
		code = c.refund(s)
	} else {
		code = c.sell(s)
	}
	if code != "" {
		return refused(code)
	}
	c.slips[under] = s
	if number != "" {
		c.seqs[number] = true
	}
	return verdict{slip: s, status: 201}
}

func (c *bookkeeper) sell(s *slip) refusal.Code {
	t := &s.ticket
	worth, ok := worthOf(t.Redeem, t.Currency)
	if !ok || worth.Cmp(s.total) > 0 {
		return refusal.InvalidRecord
	}
	due := new(big.Rat).Sub(s.total, worth)
	if t.Tenders != nil && paid(t.Tenders).Cmp(due) != 0 {
		return refusal.TotalsMismatch
	}
	if t.CustomerID == "" {
		return ""
	}
	book := c.customers[t.CustomerID]
	if book == nil {
		book = &customerBook{}
	}
	if t.Redeem > 0 && t.Redeem > book.balance {
		return refusal.FewPoints
	}
	c.customers[t.CustomerID] = book
	book.purchases++
	_, multiplier := bookTier(book.purchases)
	s.customer, s.purchase, s.redeemed = t.CustomerID, book.purchases, t.Redeem
	s.earned = down(times(due, fraction(bookPerUnit[t.Currency]), fraction(multiplier)))
	if s.purchase == 1 {
		s.earned += bookBonus
	}
	c.move(book, s)
	return ""
}

func (c *bookkeeper) refund(s *slip) refusal.Code {
	t := &s.ticket
	sold := c.sales[t.RefundOf]
	if t.RefundOfKey != "" {
		sold = c.slips[s.from.terminal+"/"+t.RefundOfKey]
	}
	switch {
	case sold == nil || sold.from.store != s.from.store:
		return refusal.NotFound
	case sold.ticket.Kind == "refund" || sold.ticket.Currency != t.Currency:
		return refusal.InvalidRecord
	}
	after := new(big.Rat).Add(sold.refunded, s.total)
	if after.Cmp(sold.total) > 0 {
		return refusal.RefundExceeds
	}
	sold.refunded = after
	part := new(big.Rat).Quo(after, sold.total)
	clawed, returned := down(times(whole(sold.earned), part)), down(times(whole(sold.redeemed), part))
	s.earned, s.redeemed = sold.clawed-clawed, sold.returned-returned
	sold.clawed, sold.returned = clawed, returned
	if s.customer = sold.customer; s.customer != "" {
		c.move(c.customers[s.customer], s)
	}
	return ""
}

func (c *bookkeeper) move(book *customerBook, s *slip) {
	book.balance += s.earned - s.redeemed
	book.entries++
	s.balance = book.balance
}

// answer is the 201 as in the contract, with what only the gateway can know taken from its answer. Before is the terminal's chain without it.
func (s *slip) answer(given answer, before chainBook) string {
	kind, loyalty := "sale", "null"
	if s.ticket.Kind == "refund" {
		kind = "refund"
	}
	if s.customer != "" {
		loyalty = fmt.Sprintf(`{"customer_id":"%s","purchase_number":%d,"first_purchase":%t,"points_earned":%d,"points_redeemed":%d,"points_balance":%d}`,
			s.customer, s.purchase, s.purchase == 1, s.earned, s.redeemed, s.balance)
	}
	_, token, _ := strings.Cut(given.ReceiptURL, "?t=")
	return fmt.Sprintf(`{"sale_id":"%s","kind":"%s","store_id":"%s","terminal_id":"%s","recorded_at":"%s","currency":"%s","total":"%s","loyalty":%s,`+
		`"record_number":%d,"previous_hash":"%s","anchor":{"status":"pending","sale_hash":"%s","proof_url":"/sales/%s/proof"},"promise":"%s",`+
		`"receipt_url":"/receipts/%s?t=%s"}`,
		given.SaleID, kind, s.from.store, s.from.terminal, given.RecordedAt, s.ticket.Currency, s.total.FloatString(bookDigits[s.ticket.Currency]), loyalty,
		before.number+1, before.head, given.Anchor.SaleHash, given.SaleID, given.Promise, given.SaleID, token)
}
