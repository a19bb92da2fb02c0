package record_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/slip"
)

// outcome is what becomes of a record: "" when it is taken, else its code, the pointer and the detail.
func outcome(body string) string {
	_, err := record.Decode([]byte(body))
	if err == nil {
		return ""
	}
	why := refusal.Of(err)
	if len(why.Fields) == 0 {
		return string(why.Code)
	}
	return fmt.Sprintf("%s %s %s", why.Code, why.Fields[0].Pointer, why.Fields[0].Detail)
}

const (
	invalid  = "INVALID_RECORD "
	mismatch = "TOTALS_MISMATCH "
	noSigned = " must not be negative: negative values belong to lines of type return, discount and rounding"
)

// withLines is a record in a currency whose lines add up to total.
func withLines(currency, total string, lines ...string) string {
	return fmt.Sprintf(`{"currency":%q,"total":%q,"lines":[%s]}`, currency, total, strings.Join(lines, ","))
}

// TestTaxesDontWrapAround has twenty taxes that come to 2^64 fils, which is nothing to an int64.
func TestTaxesDontWrapAround(t *testing.T) {
	most := strings.Repeat(`{"amount":"999999999999999.999"},`, 18)
	body := withLines("KWD", "1.000", `{"amount":"1.000","tax_included":true,"taxes":[`+most+`{"amount":"446744073709551.634"}]}`)
	require.Equal(t, invalid+"/lines/0/taxes come to more than an amount can be", outcome(body))
}

// addsUp has whoever reads the record later get the total from its lines, those without an amount too.
func addsUp(t *testing.T, body string) {
	t.Helper()
	rec, err := record.Decode([]byte(body))
	require.NoError(t, err)
	var sum money.Sum
	for i := range rec.Lines {
		m, err := slip.Adds(&rec.Lines[i], rec.Currency)
		require.NoError(t, err, body)
		sum.Add(m)
	}
	require.True(t, sum.Is(rec.Total), "%s comes to %s", body, rec.Currency.FormatSum(sum))
}

func TestALineSaysWhatTheSlipSays(t *testing.T) {
	eur := func(total string, lines ...string) string { return withLines("EUR", total, lines...) }
	for _, c := range []struct{ body, want string }{
		// Quantity and unit price, an amount, or all three.
		{eur("9.00", `{"quantity":"2","unit_price":"4.50"}`), ""},
		{eur("9.00", `{"amount":"9.00"}`), ""},
		{eur("9.00", `{"quantity":"2","unit_price":"4.50","amount":"9.00"}`), ""},
		{eur("9.00", `{"name":"Tea"}`), invalid + "/lines/0/amount is missing: a line has quantity and unit_price, its amount, or all three"},
		{eur("9.00", `{"quantity":"2","amount":"9.00"}`), invalid + "/lines/0/unit_price is missing: quantity and unit_price come together"},
		{eur("9.00", `{"unit_price":"2","amount":"9.00"}`), invalid + "/lines/0/quantity is missing: quantity and unit_price come together"},
		{eur("0.00", `{"quantity":"0","unit_price":"4.50"}`), invalid + "/lines/0/quantity must not be zero"},
		{eur("0.00", `{"quantity":"1","unit_price":"0"}`), ""},
		// Nine digits after the point, and no more.
		{eur("1.00", `{"quantity":"0.000000001","unit_price":"999999999.5"}`), ""},
		{eur("1.00", `{"quantity":"1","unit_price":"0.999999999"}`), ""},
		{
			eur("1.00", `{"quantity":"1.0000000001","unit_price":"1"}`),
			invalid + "/lines/0/quantity must be a plain decimal number in a string, such as 0.250, at most 15 digits before the point and 9 after it",
		},
		// Halves go away from zero, and what a till states may be a minor unit from the exact price.
		{eur("14.51", `{"quantity":"3","unit_price":"4.835"}`), ""},
		{eur("14.50", `{"quantity":"3","unit_price":"4.835"}`), mismatch + "/lines add up to 14.51, the total is 14.50"},
		{eur("-14.51", `{"quantity":"3","unit_price":"4.835"}`), invalid + "/total must be a plain decimal number in a string, such as 1249.50, " +
			"with at most 15 digits before the point"},
		{eur("14.50", `{"quantity":"3","unit_price":"4.835","amount":"14.50"}`), ""},
		{
			eur("14.49", `{"quantity":"3","unit_price":"4.835","amount":"14.49"}`),
			mismatch + "/lines/0/amount is 14.49, quantity × unit_price − discount is 14.505: at most 0.01 of difference is a till's rounding",
		},
		{eur("1.01", `{"quantity":"1","unit_price":"1.00","amount":"1.01"}`), ""},
		{
			eur("1.02", `{"quantity":"1","unit_price":"1.00","amount":"1.02"}`),
			mismatch + "/lines/0/amount is 1.02, quantity × unit_price − discount is 1.00: at most 0.01 of difference is a till's rounding",
		},
		{withLines("JPY", "101", `{"quantity":"0.255","unit_price":"398","amount":"101"}`), ""},
		{withLines("JPY", "102", `{"quantity":"0.255","unit_price":"398","amount":"102"}`), ""},
		{
			withLines("JPY", "103", `{"quantity":"0.255","unit_price":"398","amount":"103"}`),
			mismatch + "/lines/0/amount is 103, quantity × unit_price − discount is 101.49: at most 1 of difference is a till's rounding",
		},
		{withLines("KWD", "0.001", `{"quantity":"1","unit_price":"0.0005"}`), ""},
		// What is taken off is at most what there was, as a till may have rounded it.
		{eur("0.00", `{"quantity":"1","unit_price":"13.00","discount":"13.00"}`), ""},
		{eur("0.00", `{"quantity":"3","unit_price":"4.835","discount":"14.51"}`), ""},
		{eur("0.00", `{"quantity":"3","unit_price":"4.835","discount":"14.52"}`), invalid + "/lines/0/discount is 14.52, quantity × unit_price is only 14.505"},
		{eur("0.00", `{"quantity":"1","unit_price":"13.00","discount":"13.01"}`), invalid + "/lines/0/discount is 13.01, quantity × unit_price is only 13.00"},
		{eur("4.00", `{"amount":"4.00","discount":"1.00"}`), ""},
		// Text.
		{eur("1.00", `{"amount":"1.00","sku":" "}`), invalid + "/lines/0/sku is empty"},
		{eur("1.00", `{"amount":"1.00","sku":"`+strings.Repeat("é", 64)+`"}`), ""},
		{eur("1.00", `{"amount":"1.00","sku":"`+strings.Repeat("é", 65)+`"}`), invalid + "/lines/0/sku has 65 characters, at most 64 are allowed"},
		{eur("1.00", `{"amount":"1.00","name":"`+strings.Repeat("é", 200)+`"}`), ""},
		{eur("1.00", `{"amount":"1.00","name":"`+strings.Repeat("é", 201)+`"}`), invalid + "/lines/0/name has 201 characters, at most 200 are allowed"},
		{eur("1.00", `{"amount":1}`), invalid + "/lines/0/amount must be a string, not a number"},
		{eur("1.00", `{"amount":"1.000"}`), invalid + "/lines/0/amount has more decimals than EUR allows (2)"},
		{
			eur("1.00", `{"type":"coupon","amount":"1.00"}`),
			invalid + "/lines/0/type must be one of item, return, discount, tip, service_charge, shipping, gift_card, deposit, rounding",
		},
		{eur("1.00", `{"amount":"1.00","tax_included":"yes"}`), invalid + "/lines/0/tax_included must be true or false, not a string"},
		{eur("1.00", `{"amount":"1.00","tax_included":null}`), invalid + "/lines/0/tax_included must be true or false, not null"},
		{eur("1.00", `7`), invalid + "/lines/0 must be an object, not a number"},
		{eur("1.00", `{"amount":"1.00","price":"1"}`), "MALFORMED_JSON /lines/0/price is not a member of a record"},
		// A price beyond every amount.
		{eur("1.00", `{"quantity":"999999999999999","unit_price":"999999999999999"}`), invalid + "/lines/0/unit_price times quantity is more than an amount can be"},
		// Up to 500 lines.
		{eur("500.00", strings.Repeat(`{"amount":"1.00"},`, 499)+`{"amount":"1.00"}`), ""},
		{eur("501.00", strings.Repeat(`{"amount":"1.00"},`, 500)+`{"amount":"1.00"}`), invalid + "/lines has 501 entries, at most 500 are allowed"},
		{eur("0.00"), ""},
		{eur("1.00"), mismatch + "/lines add up to 0.00, the total is 1.00"},
	} {
		require.Equal(t, c.want, outcome(c.body), c.body)
		if c.want == "" {
			addsUp(t, c.body)
		}
	}
}

func TestTaxesAreInTheLineOrOnTopOfIt(t *testing.T) {
	inr := func(total string, lines ...string) string { return withLines("INR", total, lines...) }
	const gst = `"taxes":[{"name":"CGST","rate":"9","amount":"9.00"},{"name":"SGST","rate":"9.00","amount":"9.00"}]`
	for _, c := range []struct{ body, want string }{
		{inr("118.00", `{"quantity":"1","unit_price":"100.00",`+gst+`}`), ""},
		{inr("118.00", `{"quantity":"1","unit_price":"118.00","tax_included":true,`+gst+`}`), ""},
		{inr("136.00", `{"quantity":"1","unit_price":"118.00","tax_included":false,`+gst+`}`), ""},
		{inr("118.00", `{"quantity":"1","unit_price":"118.00",`+gst+`}`), mismatch + "/lines add up to 136.00, the total is 118.00"},
		{
			inr("100.00", `{"quantity":"1","unit_price":"100.00",`+gst+`,"amount":"100.00"}`), mismatch +
				"/lines/0/amount is 100.00, quantity × unit_price − discount + taxes is 118.00: at most 0.01 of difference is a till's rounding",
		},
		{inr("118.00", `{"quantity":"1","unit_price":"100.00","tax":"18.00"}`), ""},
		{inr("118.00", `{"amount":"118.00",`+gst+`}`), ""},
		{
			inr("118.00", `{"amount":"118.00",`+gst+`,"tax":"18.00"}`),
			invalid + "/lines/0/tax is given together with taxes, for which it is short: give only one",
		},
		// Taxes are at most the line.
		{inr("18.00", `{"amount":"18.00",`+gst+`}`), ""},
		{inr("17.99", `{"amount":"17.99",`+gst+`}`), invalid + "/lines/0/taxes come to 18.00, the line with them to 17.99"},
		{inr("17.99", `{"amount":"17.99","tax":"18.00"}`), invalid + "/lines/0/tax comes to 18.00, the line with it to 17.99"},
		{inr("1.80", `{"quantity":"1","unit_price":"10.00","discount":"10.00","tax":"1.80"}`), ""}, // a sample is taxed all the same
		// Their form.
		{inr("1.00", `{"amount":"1.00","taxes":[{"rate":"0","amount":"0"}]}`), ""},
		{inr("1.00", `{"amount":"1.00","taxes":[]}`), ""},
		{inr("1.00", `{"amount":"1.00","taxes":[{"rate":"18"}]}`), invalid + "/lines/0/taxes/0/amount is missing"},
		{
			inr("1.00", `{"amount":"1.00","taxes":[{"rate":"18%","amount":"0"}]}`),
			invalid + "/lines/0/taxes/0/rate must be a plain decimal number in a string, in per cent, such as 9 or 2.5",
		},
		{
			inr("1.00", `{"amount":"1.00","taxes":[{"rate":"-0","amount":"0"}]}`),
			invalid + "/lines/0/taxes/0/rate must be a plain decimal number in a string, in per cent, such as 9 or 2.5",
		},
		{inr("1.00", `{"amount":"1.00","taxes":[{"amount":"-0.10"}]}`), invalid + "/lines/0/taxes/0/amount" + noSigned},
		{inr("1.00", `{"amount":"1.00","tax":"-0.10"}`), invalid + "/lines/0/tax" + noSigned},
		{inr("1.00", `{"amount":"1.00","taxes":[{"amount":"0","state":"MH"}]}`), "MALFORMED_JSON /lines/0/taxes/0/state is not a member of a record"},
		{inr("1.00", `{"amount":"1.00","taxes":[7]}`), invalid + "/lines/0/taxes/0 must be an object, not a number"},
		{inr("1.00", `{"amount":"1.00","taxes":[`+strings.Repeat(`{"amount":"0"},`, 19)+`{"amount":"0"}]}`), ""},
		{
			inr("1.00", `{"amount":"1.00","taxes":[`+strings.Repeat(`{"amount":"0"},`, 20)+`{"amount":"0"}]}`),
			invalid + "/lines/0/taxes has 21 entries, at most 20 are allowed",
		},
	} {
		require.Equal(t, c.want, outcome(c.body), c.body)
	}
}

func TestOnlyReturnsDiscountsAndRoundingsAreNegative(t *testing.T) {
	usd := func(total string, lines ...string) string { return withLines("USD", total, lines...) }
	const sold = `{"quantity":"1","unit_price":"80.00"}`
	for _, c := range []struct{ body, want string }{
		{usd("30.00", `{"type":"return","quantity":"-1","unit_price":"50.00"}`, sold), ""},
		{usd("30.00", `{"type":"return","amount":"-50.00"}`, sold), ""},
		{usd("35.00", `{"type":"return","quantity":"-1","unit_price":"50.00","discount":"-5.00"}`, sold), ""},
		{usd("26.00", `{"type":"return","quantity":"-1","unit_price":"50.00","tax":"-4.00"}`, sold), ""},
		{usd("30.00", `{"type":"return","quantity":"-1","unit_price":"50.00","tax_included":true,"taxes":[{"rate":"8","amount":"-4.00"}]}`, sold), ""},
		{
			usd("30.00", `{"type":"return","quantity":"1","unit_price":"50.00"}`, sold),
			invalid + "/lines/0/quantity must be negative on a line of type return: it is what comes back",
		},
		{
			usd("30.00", `{"type":"return","amount":"50.00"}`, sold),
			invalid + "/lines/0/amount must be negative on a line of type return: it is what comes back",
		},
		{
			usd("30.00", `{"type":"return","quantity":"-1","unit_price":"50.00","discount":"5.00"}`, sold),
			invalid + "/lines/0/discount must be negative on a line of type return: it is what comes back",
		},
		{
			usd("30.00", `{"type":"return","quantity":"-1","unit_price":"50.00","taxes":[{"amount":"4.00"}]}`, sold),
			invalid + "/lines/0/taxes/0/amount must be negative on a line of type return: it is what comes back",
		},
		{usd("30.00", `{"type":"return","quantity":"-1","unit_price":"-50.00"}`, sold), invalid + "/lines/0/unit_price" + noSigned},
		{
			usd("30.00", `{"type":"return","quantity":"-1","unit_price":"50.00","discount":"-50.01"}`, sold),
			invalid + "/lines/0/discount is -50.01, quantity × unit_price is only -50.00",
		},
		{usd("80.00", `{"type":"return","quantity":"-3","unit_price":"4.835","discount":"-14.51"}`, sold), ""},
		{usd("70.00", `{"type":"discount","amount":"-10.00"}`, sold), ""},
		{usd("70.00", `{"type":"discount","quantity":"1","unit_price":"-10.00"}`, sold), ""},
		{usd("80.00", `{"type":"discount","amount":"-10.00"}`, sold, `{"type":"discount","name":"void","amount":"10.00"}`), ""},
		{usd("79.50", `{"type":"rounding","amount":"-0.50"}`, sold), ""},
		// A tax goes the way of its line.
		{usd("70.00", `{"type":"discount","amount":"-10.00","tax":"-1.00"}`, sold), ""},
		{usd("90.00", `{"type":"discount","amount":"10.00","tax":"1.00"}`, sold), ""},
		{usd("70.00", `{"type":"discount","amount":"-10.00","tax":"1.00"}`, sold), invalid + "/lines/0/tax is above zero, the line comes to -10.00"},
		{usd("90.00", `{"type":"discount","amount":"10.00","tax":"-1.00"}`, sold), invalid + "/lines/0/tax is below zero, the line comes to 10.00"},
		{
			usd("70.00", `{"type":"discount","amount":"-10.00","taxes":[{"rate":"8","amount":"-1.00"},{"rate":"9","amount":"0.50"}]}`, sold),
			invalid + "/lines/0/taxes/1/amount is above zero, the line comes to -10.00",
		},
		{
			usd("79.50", `{"type":"rounding","amount":"-0.50","taxes":[{"amount":"0"},{"amount":"0.10"},{"amount":"0.20"}]}`, sold),
			invalid + "/lines/0/taxes/1/amount is above zero, the line comes to -0.50",
		},
		{
			usd("80.00", `{"type":"rounding","amount":"0","taxes":[{"amount":"0.10"},{"amount":"-0.10"}]}`, sold),
			invalid + "/lines/0/taxes/0/amount is above zero, the line comes to 0.00",
		},
	} {
		require.Equal(t, c.want, outcome(c.body), c.body)
	}
	for _, kind := range []string{"item", "tip", "service_charge", "shipping", "gift_card", "deposit"} {
		for member, line := range map[string]string{
			"amount": `"amount":"-1.00"`, "quantity": `"quantity":"-1","unit_price":"1.00"`, "unit_price": `"quantity":"1","unit_price":"-1.00"`,
			"discount": `"quantity":"1","unit_price":"1.00","discount":"-1.00"`, "tax": `"amount":"1.00","tax":"-1.00"`,
		} {
			require.Equal(t, invalid+"/lines/0/"+member+noSigned, outcome(usd("79.00", `{"type":"`+kind+`",`+line+`}`, sold)), kind)
		}
		require.Empty(t, outcome(usd("81.00", `{"type":"`+kind+`","amount":"1.00"}`, sold)), kind)
	}
}

func TestRoundingIsOfAUnitOrHalfTheSmallestCoin(t *testing.T) {
	for currency, c := range map[string]struct{ most, beyond string }{
		"INR": {"1.00", "1.01"}, "JPY": {"1", "2"}, "KWD": {"1.000", "1.001"}, "HUF": {"2.50", "2.51"}, "CLP": {"5", "6"}, "EUR": {"1.00", "1.01"},
	} {
		known, err := money.ParseCurrency(currency)
		require.NoError(t, err)
		require.Equal(t, c.most, known.Format(known.MaxRounding()))
		goods := `{"amount":"100"}`
		of := func(line string) string { return outcome(withLines(currency, "100", goods, line)) }
		line := func(amount string) string { return `{"type":"rounding","amount":"` + amount + `"}` }
		at := "/lines/1/amount brings what is rounded to "
		require.Contains(t, of(line(c.most)), mismatch+"/lines add up to ", "it is taken, and counts")
		require.Contains(t, of(line("-"+c.most)), mismatch+"/lines add up to ")
		require.Equal(t, invalid+at+c.beyond+", at most "+c.most+" either way is rounding", of(line(c.beyond)))
		require.Equal(t, invalid+at+"-"+c.beyond+", at most "+c.most+" either way is rounding", of(line("-"+c.beyond)))
		require.Contains(t, of(line(c.most)+","+line(c.most)), invalid+"/lines/2/amount brings what is rounded to ", "many small ones hide as much")
	}
	up, down := `{"type":"rounding","amount":"0.75"}`, `{"type":"rounding","amount":"-1.00"}`
	for _, order := range [][]string{{up, up, down}, {up, down, up}, {down, up, up}} {
		require.Empty(t, outcome(withLines("INR", "9.00", append(order, `{"amount":"8.50"}`)...)), "what counts is what they come to together")
	}
	require.Empty(t, outcome(withLines("INR", "1179.00", `{"amount":"1179.41"}`, `{"type":"rounding","amount":"-0.41"}`)))
}

func TestALinesSumsAreByItsType(t *testing.T) {
	rec, err := record.Decode([]byte(withLines("USD", "14.00", `{"amount":"10.00"}`, `{"type":"item","amount":"3.00"}`, `{"type":"tip","amount":"2.00"}`,
		`{"type":"return","amount":"-1.00"}`)))
	require.NoError(t, err)
	require.Len(t, rec.Sums, 3)
	for kind, want := range map[event.LineType]money.Minor{event.LineItem: 13_00, event.LineTip: 2_00, event.LineReturn: -1_00} {
		got, fits := rec.Sums[kind].Minor()
		require.True(t, fits)
		require.Equal(t, want, got, kind)
	}
}

func TestGoodsAreCountedBySKU(t *testing.T) {
	all := make(record.Quantities)
	all.Add([]event.Line{
		{SKU: "A", Quantity: "2"},
		{SKU: "A", Quantity: "0.5"},
		{SKU: "B", Amount: "9.00"},
		{SKU: "B"},
		{Quantity: "7"},
		{SKU: "C", Quantity: "0.000000001"},
		{Type: event.LineReturn, SKU: "A", Quantity: "-1"},
		{Type: event.LineDiscount, SKU: "A", Quantity: "1"},
		{Type: event.LineRounding, SKU: "A", Amount: "1"},
		{Type: event.LineGiftCard, SKU: "G", Quantity: "1"},
	})
	for sku, want := range map[string]string{"A": "2.5", "B": "2", "C": "0.000000001", "G": "1", "D": "0"} {
		require.Equal(t, want, record.FormatQuantity(all.Of(sku)), sku)
	}
	require.Len(t, all, 4)
}
