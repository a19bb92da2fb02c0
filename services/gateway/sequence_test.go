package gateway_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// TestAnyDayAtTheTillsIsAnsweredAsABookkeeperWould runs random days of sales, refunds, redemptions, retries and batches at three tills
// of two stores, and compares every answer's bytes with the bookkeeper's.
func TestAnyDayAtTheTillsIsAnsweredAsABookkeeperWould(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.json")
	require.NoError(t, os.WriteFile(path, []byte(bookRules), 0o600))
	shop := setup(t, func(c *gateway.Config) { c.LoyaltyRules = path })
	tills := map[counter]*till{
		{"s1", "t1"}: shop.till, {"s1", "t2"}: shop.newTill("s1", "t2"), {"s2", "t3"}: shop.newTill("s2", "t3"),
	}
	steps := flag.Lookup("rapid.steps").Value // a hundred days of this many requests cost seconds
	all := steps.String()
	require.NoError(t, steps.Set("15"))
	defer func() { require.NoError(t, steps.Set(all)) }()
	number := 0
	rapid.Check(t, func(rt *rapid.T) {
		number++
		d := &day{rt: rt, tills: tills, book: newBookkeeper(), number: int64(number)}
		d.book.chains = shop.chains()
		rt.Repeat(map[string]func(*rapid.T){
			"alone": func(rt *rapid.T) { d.rt = rt; d.alone() },
			"retry": func(rt *rapid.T) { d.rt = rt; d.retry() },
			"batch": func(rt *rapid.T) { d.rt = rt; d.batch() },
		})
		d.rt = rt
		d.checkAccounts()
	})
	shop.checkBooks()
}

// chains are the terminals' chains as the days before have left them.
func (s *shop) chains() map[string]chainBook {
	s.t.Helper()
	var all map[string]struct {
		Records uint64
		Head    string
	}
	require.NoError(s.t, json.Unmarshal(query[[]byte](s, `SELECT json_object_agg(terminal_id, json_build_object('records', records, 'head', head_hash))
		FROM audit.terminal`), &all))
	chains := make(map[string]chainBook, len(all))
	for id, c := range all {
		chains[id] = chainBook{number: c.Records, head: c.Head}
	}
	return chains
}

// day is one run at the tills.
type day struct {
	rt     *rapid.T
	tills  map[counter]*till
	book   *bookkeeper
	number int64
	sent   []sent // what was accepted or refused, in order
}

// sent is a ticket on its way.
type sent struct {
	from counter
	key  string
	ticket
}

// text is the ticket's JSON value, spelt one way.
func (s sent) text() string {
	text, err := json.Marshal(s.ticket)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (d *day) one(of int, label string) bool { return rapid.IntRange(1, of).Draw(d.rt, label) == 1 }

func (d *day) counter() counter {
	return rapid.SampledFrom([]counter{{"s1", "t1"}, {"s1", "t1"}, {"s1", "t2"}, {"s2", "t3"}}).Draw(d.rt, "till")
}

// next draws what a till sends: something new, now and then under a used key.
func (d *day) next(from counter) sent {
	s := sent{from: from, key: newKey()}
	if used := d.of(from); len(used) > 0 && d.one(8, "used key") {
		s.key = rapid.SampledFrom(used).Draw(d.rt, "whose key").key
	}
	if rapid.IntRange(0, 2).Draw(d.rt, "refund") == 0 && len(d.sent) > 0 {
		s.ticket = d.drawRefund(from)
	} else {
		s.ticket = d.drawSale()
	}
	if d.one(4, "numbered") {
		seq := d.number*1000 + rapid.Int64Range(0, 5).Draw(d.rt, "number")
		s.Seq = &seq
	}
	if d.one(4, "offline") {
		s.Offline, s.OccurredAt = true, "2026-11-20T10:00:00+05:30"
	}
	return s
}

// of is what a till has sent.
func (d *day) of(from counter) []sent {
	var out []sent
	for _, s := range d.sent {
		if s.from == from {
			out = append(out, s)
		}
	}
	return out
}

func (d *day) drawSale() ticket {
	t := ticket{
		Currency: rapid.SampledFrom([]string{"INR", "INR", "INR", "JPY", "KWD"}).Draw(d.rt, "currency"),
		Total:    rapid.SampledFrom([]string{"10", "33", "100", "999", "1250"}).Draw(d.rt, "total"),
	}
	if bookDigits[t.Currency] > 0 {
		t.Total += rapid.SampledFrom([]string{"", ".5", ".33", ".01"}).Draw(d.rt, "fraction")
	}
	if c := rapid.IntRange(0, 3).Draw(d.rt, "customer"); c > 0 {
		t.CustomerID = fmt.Sprintf("c%d-%d", d.number, c)
		t.Redeem = rapid.SampledFrom([]int64{0, 0, 1, 7, 40, 400}).Draw(d.rt, "redeem")
	}
	if d.one(2, "lines") {
		t.Lines = d.drawLines(t.Currency)
		d.total(&t)
	}
	if d.one(4, "tenders") {
		t.Tenders = d.drawTenders(t)
	}
	return t
}

// total makes a ticket's total what its lines add up to, but for some.
func (d *day) total(t *ticket) {
	sum, _, _ := linesOf(t.Lines, t.Currency)
	if (sum.Sign() > 0 || sum.Sign() == 0 && t.Kind != "refund") && !d.one(8, "lines are off") {
		t.Total = sum.FloatString(bookDigits[t.Currency])
	}
}

func (d *day) drawLines(currency string) []ticketLine {
	lines := make([]ticketLine, rapid.IntRange(1, 4).Draw(d.rt, "lines"))
	for i := range lines {
		lines[i] = d.drawLine(currency)
	}
	return lines
}

func (d *day) drawLine(currency string) ticketLine {
	l := ticketLine{
		Type: rapid.SampledFrom([]string{"", "", "", "tip", "gift_card", "shipping", "return", "discount", "rounding"}).Draw(d.rt, "type"),
		SKU:  rapid.SampledFrom([]string{"", "TEA-250", "CUP"}).Draw(d.rt, "sku"),
	}
	sign := ""
	switch l.Type {
	case "tip", "gift_card", "shipping", "rounding":
		l.Amount = rapid.SampledFrom([]string{"0", "1", "5"}).Draw(d.rt, "amount")
		if l.Type == "rounding" && d.one(2, "down") {
			l.Amount = "-1"
		}
		return l
	case "discount":
		l.Amount = "-" + rapid.SampledFrom([]string{"1", "10"}).Draw(d.rt, "off")
		return l
	case "return":
		sign = "-"
	}
	l.Quantity = sign + rapid.SampledFrom([]string{"1", "2", "0.333", "12.5"}).Draw(d.rt, "quantity")
	l.UnitPrice = rapid.SampledFrom([]string{"10", "2.335", "499.75", "0.0005"}).Draw(d.rt, "price")
	if l.Discount = rapid.SampledFrom([]string{"", "0", "1"}).Draw(d.rt, "discount"); l.Discount != "" {
		l.Discount = sign + l.Discount
	}
	switch l.Included = d.one(2, "included"); rapid.IntRange(0, 2).Draw(d.rt, "taxed") {
	case 1:
		l.Tax = sign + rapid.SampledFrom([]string{"0", "2"}).Draw(d.rt, "tax")
	case 2:
		l.Taxes = []ticketTax{{"9", sign + "1"}, {"", sign + "0"}}
	}
	if d.one(3, "stated") { // as another till rounds, or further off
		exact, _ := l.adds(currency)
		if off := rapid.SampledFrom([]string{"0", "1", "-1", "2", "-2"}).Draw(d.rt, "units off"); exact != nil && new(big.Rat).Abs(exact).Cmp(whole(1)) > 0 {
			exact.Add(exact, new(big.Rat).Quo(fraction(off), tens(currency)))
			l.Amount = exact.FloatString(bookDigits[currency])
		}
	}
	return l
}

// drawTenders splits what is to be paid in two, sometimes a unit short.
func (d *day) drawTenders(t ticket) []ticketTender {
	worth, ok := worthOf(t.Redeem, t.Currency)
	due := fraction(t.Total)
	if !ok || due.Sub(due, worth).Sign() <= 0 {
		return nil
	}
	digits := bookDigits[t.Currency]
	cash := new(big.Rat).Quo(whole(down(times(due, tens(t.Currency), fraction("1/3")))), tens(t.Currency))
	card := new(big.Rat).Sub(due, cash)
	if d.one(5, "a unit short") {
		card.Sub(card, new(big.Rat).Inv(tens(t.Currency)))
	}
	return []ticketTender{{"cash", cash.FloatString(digits)}, {"card", card.FloatString(digits)}}
}

// drawRefund names a sale by its id or its key: of any store, refunded or not, a refund itself, or none at all.
func (d *day) drawRefund(from counter) ticket {
	t := ticket{Kind: "refund", Currency: "INR", Total: "1", RefundOf: newKey()}
	of := rapid.SampledFrom(d.sent).Draw(d.rt, "what is refunded")
	if mine := d.of(from); len(mine) > 0 && !d.one(4, "of any till") {
		of = rapid.SampledFrom(mine).Draw(d.rt, "its own")
	}
	switch rapid.IntRange(0, 9).Draw(d.rt, "of what") {
	case 0: // of nothing
		return t
	case 1: // without a receipt
		t.RefundOf = ""
		if d.one(2, "whose") {
			t.CustomerID = fmt.Sprintf("c%d-%d", d.number, rapid.IntRange(1, 3).Draw(d.rt, "customer"))
		}
		return t
	}
	t.Currency, t.Total = of.Currency, of.Total
	if d.one(12, "other currency") {
		t.Currency, t.Total = "USD", "1"
	}
	if part := rapid.SampledFrom([]string{"1", "1/2", "1/3", "1/7", "6/5"}).Draw(d.rt, "part"); t.Currency != "USD" && part != "1" {
		units := max(down(times(fraction(of.Total), fraction(part), tens(t.Currency))), 1)
		t.Total = new(big.Rat).Quo(whole(units), tens(t.Currency)).FloatString(bookDigits[t.Currency])
	}
	if fraction(t.Total).Sign() == 0 {
		t.Total = "1"
	}
	if t.Currency == of.Currency && d.one(2, "lines") {
		t.Lines = d.goodsOf(of.Lines)
		d.total(&t)
	}
	s := d.book.slips[of.from.terminal+"/"+of.key]
	if s != nil && s.saleID != "" && d.one(2, "by its id") {
		t.RefundOf = s.saleID
	} else {
		t.RefundOf, t.RefundOfKey = "", of.key
	}
	return t
}

// goodsOf draws lines of what was sold, or of what was not.
func (d *day) goodsOf(sold []ticketLine) []ticketLine {
	var back []ticketLine
	for _, l := range sold {
		if l.Type == "" && d.one(2, "comes back") {
			came := ticketLine{SKU: l.SKU, Quantity: l.Quantity, UnitPrice: l.UnitPrice}
			if l.Quantity == "" {
				came.Amount = l.Amount
			}
			back = append(back, came)
		}
	}
	if len(back) == 0 || d.one(6, "more") {
		back = append(back, ticketLine{SKU: rapid.SampledFrom([]string{"", "TEA-250", "NEVER"}).Draw(d.rt, "other"), Amount: "1"})
	}
	return back
}

// alone sends one record.
func (d *day) alone() {
	s := d.next(d.counter())
	d.sent = append(d.sent, s)
	d.post(s)
}

// retry sends again what was sent before, spelt otherwise, or another record under its key.
func (d *day) retry() {
	if len(d.sent) == 0 {
		return
	}
	s := rapid.SampledFrom(d.sent).Draw(d.rt, "again")
	if d.one(3, "another record") {
		s.Total = map[bool]string{true: "3", false: "2"}[s.Total == "2"]
	}
	d.post(s)
}

func (d *day) post(s sent) {
	want := d.book.take(s.from, s.key, s.text(), s.ticket)
	r, err := d.tills[s.from].try(http.MethodPost, "/record", respelt(d.rt, s.text()), "Idempotency-Key", s.key)
	require.NoError(d.rt, err)
	require.Equal(d.rt, want.status, r.Status, "%s", r.Body)
	require.Equal(d.rt, want.replay, r.Header.Get("Idempotency-Replayed") == "true")
	d.compare(want, r.Body)
}

// batch sends up to eight records of one till at once: new ones, retries, and the same one twice.
func (d *day) batch() {
	from := d.counter()
	var (
		body  bytes.Buffer
		batch []sent
		want  []verdict
	)
	for i := range rapid.IntRange(1, 8).Draw(d.rt, "records") {
		s := d.next(from)
		if before := d.of(from); len(before) > 0 && d.one(4, "again") {
			s = rapid.SampledFrom(before).Draw(d.rt, "which")
		}
		d.sent = append(d.sent, s)
		batch, want = append(batch, s), append(want, d.book.take(from, s.key, s.text(), s.ticket))
		body.WriteString([]string{"[", ","}[min(i, 1)] + entry(s.key, respelt(d.rt, s.text())))
	}
	body.WriteString("]")
	r, err := d.tills[from].try(http.MethodPost, "/record/batch", body.String())
	require.NoError(d.rt, err)
	require.Equal(d.rt, http.StatusOK, r.Status, "%s", r.Body)
	var got []landed
	require.NoError(d.rt, json.Unmarshal(r.Body, &got))
	require.Len(d.rt, got, len(batch))
	for i, one := range got {
		require.Equal(d.rt, `"`+batch[i].key+`"`, string(one.Key))
		require.Equal(d.rt, want[i].status, one.Status, "%s", one.Body)
		d.compare(want[i], one.Body)
	}
}

// compare holds an answer against the bookkeeper's, and lets the bookkeeper know what only the gateway can.
func (d *day) compare(want verdict, body []byte) {
	if want.slip == nil {
		var problem struct {
			Code   refusal.Code
			Status int
		}
		require.NoError(d.rt, json.Unmarshal(body, &problem))
		require.Equal(d.rt, want.code, problem.Code, "%s", body)
		require.Equal(d.rt, want.status, problem.Status)
		return
	}
	s := want.slip
	if want.replay {
		require.Equal(d.rt, s.body, string(body))
		return
	}
	var a answer
	require.NoError(d.rt, json.Unmarshal(body, &a))
	chain := d.book.chains[s.from.terminal]
	require.Equal(d.rt, s.answer(a, chain), string(body))
	d.book.chains[s.from.terminal] = chainBook{number: chain.number + 1, head: a.Anchor.SaleHash}
	require.NotContains(d.rt, d.book.sales, a.SaleID)
	s.body, s.saleID = string(body), a.SaleID
	d.book.sales[a.SaleID] = s
	if s.customer != "" {
		book := d.book.customers[s.customer]
		require.Greater(d.rt, a.RecordedAt, book.lastAt)
		book.lastAt = a.RecordedAt
	}
}

// respelt is the same JSON value with other spaces and its members in another order.
func respelt(rt *rapid.T, text string) string {
	if rapid.IntRange(0, 2).Draw(rt, "respelt") > 0 {
		return text
	}
	var value map[string]any
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	require.NoError(rt, decoder.Decode(&value))
	other, err := json.MarshalIndent(value, "", " ") // by name
	require.NoError(rt, err)
	return string(other)
}

// checkAccounts asks for each customer's standing.
func (d *day) checkAccounts() {
	for id, book := range d.book.customers {
		r, err := d.tills[counter{"s2", "t3"}].try(http.MethodGet, "/customers/"+url.PathEscape(id)+"/loyalty", "")
		require.NoError(d.rt, err)
		tier, _ := bookTier(book.purchases)
		var got standing
		require.NoError(d.rt, json.Unmarshal(r.Body, &got))
		require.Equal(d.rt, standing{id, book.balance, book.purchases, tier}, got)
	}
}
