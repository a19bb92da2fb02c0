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
	"point_worth":{"INR":"0.25","JPY":"0.5"},"earn_nothing":["tip","gift_card","rounding"],"offline_redeem_max":30}`

// The rules again, as the bookkeeper has them in mind.
var (
	bookPerUnit = map[string]string{"INR": "0.1", "JPY": "0.01", "KWD": "3.5"}
	bookWorth   = map[string]string{"INR": "0.25", "JPY": "0.5"}
	bookDigits  = map[string]int{"INR": 2, "JPY": 0, "KWD": 3}
)

const (
	bookBonus   = 50
	bookOffline = 30
)

// bookNothing are the lines that earn nothing.
var bookNothing = map[string]bool{"tip": true, "gift_card": true, "rounding": true}

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
	Offline     bool           `json:"offline,omitempty"`
	OccurredAt  string         `json:"occurred_at,omitempty"`
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
	seqs      map[string]*slip     // who has a number, by terminal and number
	chains    map[string]chainBook // by terminal
}

// chainBook is how far a terminal's chain of records goes.
type chainBook struct {
	number uint64
	head   string // sale_hash of the last record
}

type customerBook struct {
	balance, purchases, entries int64
	bonusDue                    bool   // the first purchase earned on nothing
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
	short    int64               // points that it redeemed offline and that were not there
	earlier  *slip               // that has the till's number already
	back     map[string]*big.Rat // of a sale: what came back, by sku
	body     string              // the 201's, once the gateway has answered it
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
	return &bookkeeper{customers: map[string]*customerBook{}, slips: map[string]*slip{}, sales: map[string]*slip{}, seqs: map[string]*slip{}}
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
	if t.Lines != nil {
		sum, _, code := linesOf(t.Lines, t.Currency)
		if code != "" {
			return refused(code)
		}
		if sum.Cmp(total) != 0 {
			return refused(refusal.TotalsMismatch)
		}
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
		if number = fmt.Sprintf("%s/%d", from.terminal, *t.Seq); c.seqs[number] != nil && !t.Offline {
			return refused(refusal.SeqReused)
		}
	}
	s := &slip{
		ticket: t, text: text, from: from, total: total, refunded: new(big.Rat), earlier: c.seqs[number], back: map[string]*big.Rat{},
	}
	code := refusal.Code("")
	switch {
	case s.unreferenced():
		c.takeBack(s)
	case t.Kind == "refund":
		code = c.refund(s)
	default:
		code = c.sell(s)
	}
	if code != "" {
		return refused(code)
	}
	c.slips[under] = s
	if number != "" && s.earlier == nil {
		c.seqs[number] = s
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
	book := c.book(t.CustomerID)
	if past := t.Redeem - max(book.balance, 0); past > 0 {
		if !t.Offline || past > bookOffline {
			return refusal.FewPoints
		}
		s.short = past
	}
	c.customers[t.CustomerID] = book
	book.purchases++
	_, multiplier := bookTier(book.purchases)
	s.customer, s.purchase, s.redeemed = t.CustomerID, book.purchases, t.Redeem
	_, nothing, _ := linesOf(t.Lines, t.Currency)
	base := new(big.Rat).Sub(due, nothing)
	if base.Sign() < 0 {
		base = new(big.Rat)
	}
	s.earned = down(times(base, fraction(bookPerUnit[t.Currency]), fraction(multiplier)))
	if s.purchase == 1 || book.bonusDue {
		if book.bonusDue = base.Sign() == 0; !book.bonusDue {
			s.earned += bookBonus
		}
	}
	c.move(book, s)
	return ""
}

func (c *bookkeeper) book(customer string) *customerBook {
	if book := c.customers[customer]; book != nil {
		return book
	}
	return &customerBook{}
}

// unreferenced is a return without a receipt.
func (s *slip) unreferenced() bool {
	return s.ticket.Kind == "refund" && s.ticket.RefundOf == "" && s.ticket.RefundOfKey == ""
}

func (c *bookkeeper) takeBack(s *slip) {
	if s.customer = s.ticket.CustomerID; s.customer == "" {
		return
	}
	book := c.book(s.customer)
	c.customers[s.customer] = book
	s.earned = -down(times(s.total, fraction(bookPerUnit[s.ticket.Currency])))
	c.move(book, s)
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
	if there := goods(sold.ticket.Lines); len(there) > 0 {
		for sku, n := range goods(t.Lines) {
			if back := sold.back[sku]; back != nil {
				n.Add(n, back)
			}
			if there[sku] == nil || n.Cmp(there[sku]) > 0 {
				return refusal.RefundExceeds
			}
		}
		for sku, n := range goods(t.Lines) {
			if back := sold.back[sku]; back != nil {
				n.Add(n, back)
			}
			sold.back[sku] = n
		}
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
		loyalty = fmt.Sprintf(`{"customer_id":"%s","purchase_number":%d,"first_purchase":%t,"points_earned":%d,"points_redeemed":%d,"points_balance":%d`,
			s.customer, s.purchase, s.purchase == 1, s.earned, s.redeemed, s.balance)
		if s.short > 0 {
			loyalty += fmt.Sprintf(`,"shortfall":%d`, s.short)
		}
		loyalty += "}"
	}
	if s.unreferenced() {
		loyalty += `,"unreferenced":true`
	}
	if s.earlier != nil {
		loyalty += fmt.Sprintf(`,"warnings":[{"code":"TERMINAL_SEQ_REUSED","sale_id":"%s"}]`, s.earlier.saleID)
	}
	_, token, _ := strings.Cut(given.ReceiptURL, "?t=")
	return fmt.Sprintf(`{"sale_id":"%s","kind":"%s","store_id":"%s","terminal_id":"%s","recorded_at":"%s","currency":"%s","total":"%s","loyalty":%s,`+
		`"record_number":%d,"previous_hash":"%s","anchor":{"status":"pending","sale_hash":"%s","proof_url":"/sales/%s/proof"},"promise":"%s",`+
		`"receipt_url":"/receipts/%s?t=%s"}`,
		given.SaleID, kind, s.from.store, s.from.terminal, given.RecordedAt, s.ticket.Currency, s.total.FloatString(bookDigits[s.ticket.Currency]), loyalty,
		before.number+1, before.head, given.Anchor.SaleHash, given.SaleID, given.Promise, given.SaleID, token)
}
