package gateway_test

import (
	"fmt"
	"math/big"

	"pgregory.net/rapid"
)

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
