package slip_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/slip"
)

func TestALineAddsWhatItSaysOrWhatItsPriceComesTo(t *testing.T) {
	nines := event.Tax{Amount: "999999999999999.999"}
	for want, c := range map[string]struct {
		currency string
		line     event.Line
	}{
		"9.01":    {"EUR", event.Line{Quantity: "2", UnitPrice: "4.50", Amount: "9.01"}}, // a till's own rounding
		"14.51":   {"EUR", event.Line{Quantity: "3", UnitPrice: "4.835"}},
		"-14.51":  {"EUR", event.Line{Type: event.LineReturn, Quantity: "-3", UnitPrice: "4.835"}},
		"1249.50": {"INR", event.Line{Quantity: "2", UnitPrice: "499.75", Tax: "250.00"}},
		"1199.50": {"INR", event.Line{Quantity: "2", UnitPrice: "499.75", Discount: "50.00", Taxes: []event.Tax{{Amount: "125.00"}, {Amount: "125"}}}},
		"999.50":  {"INR", event.Line{Quantity: "2", UnitPrice: "499.75", TaxIncluded: true, Tax: "250.00"}},
		"-2.00":   {"EUR", event.Line{Type: event.LineDiscount, Amount: "-2"}},
		"-3.00":   {"EUR", event.Line{Type: event.LineDiscount, Quantity: "-1", UnitPrice: "3"}},
		"0.00":    {"EUR", event.Line{Quantity: "1", UnitPrice: "0.995", Discount: "1.00"}}, // which is all of it, rounded up
		"0.000":   {"KWD", event.Line{Type: event.LineReturn, Quantity: "-1", UnitPrice: "0.0005", Discount: "-0.001"}},
		"1":       {"JPY", event.Line{Type: event.LineTip, Quantity: "1", UnitPrice: "0.5"}},
	} {
		currency, err := money.ParseCurrency(c.currency)
		require.NoError(t, err)
		got, err := slip.Adds(&c.line, currency)
		require.NoError(t, err, want)
		require.Equal(t, want, currency.Format(got))
	}
	dinar, err := money.ParseCurrency("KWD")
	require.NoError(t, err)
	for name, line := range map[string]event.Line{
		"nothing": {}, "a quantity alone": {Quantity: "1"}, "a price alone": {UnitPrice: "1"}, "a type there is not": {Type: "bribe", Quantity: "1", UnitPrice: "1"},
		"an amount that is none": {Amount: "1,00"}, "a discount that is none": {Quantity: "1", UnitPrice: "1", Discount: "x"},
		"a tax that is none":         {Quantity: "1", UnitPrice: "1", Tax: "x"},
		"one of the taxes":           {Quantity: "1", UnitPrice: "1", Taxes: []event.Tax{{Amount: "x"}}},
		"more than an amount can be": {Quantity: "999999999999999", UnitPrice: "2"},
		"more taxes than fit":        {Quantity: "1", UnitPrice: "1", Taxes: []event.Tax{nines, nines, nines, nines, nines, nines, nines, nines, nines, nines}},
	} {
		_, err := slip.Adds(&line, dinar)
		require.Error(t, err, name)
	}
}

func TestARateHasOneForm(t *testing.T) {
	for text, want := range map[string]string{"9": "9", "9.0": "9", "09.50": "9.5", "0": "0", "0.00": "0", "0.250": "0.25", "100": "100"} {
		require.Equal(t, want, slip.CanonicalRate(text))
	}
}
