package record_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// FuzzFingerprint: two records have the same fingerprint exactly when they are the same JSON value, as another parser and exact fractions have it.
func FuzzFingerprint(f *testing.F) {
	plain := `{"currency":"JPY","total":"1","metadata":{"a":"b"}}`
	for _, other := range []string{
		plain, `{"total":"1","metadata":{"\u0061":"b"},"currency":"JPY"}`, `{"currency":"JPY","total":"1","metadata":{"a":"B"}}`, `{"currency":"JPY","total":"1"}`,
		`{"currency":"JPY","total":"1","metadata":{"a":"b"},"terminal_seq":0}`, `{"currency":"JPY","total":"1","metadata":{"a":"b"},"terminal_seq":0.0}`,
	} {
		f.Add([]byte(plain), []byte(other))
	}
	f.Add([]byte(`{"currency":"JPY","total":"1","terminal_seq":200}`), []byte(`{"currency":"JPY","total":"1","terminal_seq":2e2}`))
	f.Add([]byte(`{"currency":"JPY","total":"1","lines":[{"amount":"1"}]}`), []byte(`{"currency":"JPY","total":"1","lines":[{"amount":"1.0"}]}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		one, errA := record.Decode(bytes.Clone(a))
		other, errB := record.Decode(bytes.Clone(b))
		if errA != nil || errB != nil {
			return
		}
		require.Equal(t, reflect.DeepEqual(valueOf(t, a), valueOf(t, b)), one.Fingerprint == other.Fingerprint)
	})
}

// valueOf is a JSON value of plain Go values, numbers as fractions.
func valueOf(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&value))
	return exact(t, value)
}

func exact(t *testing.T, value any) any {
	t.Helper()
	switch v := value.(type) {
	case json.Number:
		r, ok := new(big.Rat).SetString(v.String())
		require.True(t, ok)
		return r.RatString()
	case []any:
		for i := range v {
			v[i] = exact(t, v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = exact(t, v[name])
		}
	}
	return value
}

// FuzzLines: a line that is taken adds what fractions give, rounded once and away from zero, or what the till states within a minor unit of it;
// whatever a till writes, no line hides more than that.
func FuzzLines(f *testing.F) {
	for _, seed := range [][9]string{
		{"", "2", "4.50", "", "", "", "", "9.00", "EUR"},
		{"", "3", "4.835", "14.51", "", "", "", "0.00", "EUR"},
		{"return", "-1", "50.00", "-5", "", "", "", "-45.00", "USD"},
		{"", "0.255", "398", "", "", "", "101", "101", "JPY"},
		{"tip", "", "", "", "", "", "2.00", "2.00", "INR"},
		{"", "1", "100", "", "18", "", "", "118", "INR"},
		{"discount", "1", "-0.0005", "", "", "", "", "-0.001", "KWD"},
		{"", "1", "106.20", "", "8.10", "8.10", "106.20", "106.20", "INR"},
		{"discount", "", "", "", "-0.80", "0.80", "-10", "-10", "INR"},
		{"", "1", "1", "", "999999999999999", "999999999999999", "", "1", "JPY"},
		{"rounding", "", "", "", "", "", "-0.41", "-0.41", "INR"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5], seed[6], seed[7], seed[8], false)
	}
	f.Fuzz(func(t *testing.T, kind, quantity, price, discount, tax, second, amount, total, currency string, included bool) {
		line := map[string]any{"tax_included": included}
		for name, text := range map[string]string{
			"type": kind, "quantity": quantity, "unit_price": price, "discount": discount, "tax": tax, "amount": amount,
		} {
			if text != "" {
				line[name] = text
			}
		}
		if second != "" {
			delete(line, "tax")
			line["taxes"] = []map[string]any{{"amount": tax}, {"amount": second, "rate": "9"}}
		}
		// What goes the other way makes the total one that a sale can have.
		lines := []map[string]any{line}
		if plain, negative := strings.CutPrefix(total, "-"); negative {
			lines, total = append(lines, map[string]any{"amount": plain}), "0"
		}
		body, err := json.Marshal(map[string]any{"currency": currency, "total": total, "lines": lines})
		require.NoError(t, err)
		rec, err := record.Decode(body)
		if err != nil {
			require.Contains(t, []refusal.Code{refusal.MalformedJSON, refusal.InvalidRecord, refusal.TotalsMismatch}, refusal.Of(err).Code)
			return
		}
		unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(rec.Currency.Digits())), nil))
		adds := fractionOf(t, total)
		if len(lines) == 2 {
			adds.Sub(adds, fractionOf(t, lines[1]["amount"].(string)))
		}
		taxes := new(big.Rat)
		for _, text := range []string{tax, second} {
			one := fractionOf(t, text)
			require.True(t, one.Sign() == 0 || one.Sign() == adds.Sign(), "a tax goes the way of its line")
			taxes.Add(taxes, one)
		}
		require.False(t, new(big.Rat).Abs(taxes).Cmp(new(big.Rat).Abs(adds)) > 0, "the taxes are at most the line")
		if signed := []string{"return", "discount", "rounding"}; !slices.Contains(signed, kind) {
			require.False(t, adds.Sign() < 0)
		}
		if quantity == "" {
			require.Zero(t, adds.Cmp(fractionOf(t, amount)))
			return
		}
		gross := fractionOf(t, quantity)
		gross.Mul(gross, fractionOf(t, price))
		over := new(big.Rat).Sub(new(big.Rat).Abs(fractionOf(t, discount)), new(big.Rat).Abs(gross))
		require.True(t, over.Cmp(unit) < 0, "nothing is taken off that was not there")
		gross.Sub(gross, fractionOf(t, discount))
		if !included {
			gross.Add(gross, taxes)
		}
		off := gross.Sub(gross, adds)
		require.False(t, off.Abs(off).Cmp(unit) > 0)
	})
}

func fractionOf(t *testing.T, text string) *big.Rat {
	t.Helper()
	if text == "" {
		return new(big.Rat)
	}
	r, ok := new(big.Rat).SetString(text)
	require.True(t, ok, text)
	return r
}
