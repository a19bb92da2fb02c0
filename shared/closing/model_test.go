package closing_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
)

type slipTax struct {
	Rate   *string `json:"rate,omitempty"`
	Amount string  `json:"amount"`
}

type slipLine struct {
	Tax   string    `json:"tax,omitempty"`
	Taxes []slipTax `json:"taxes,omitempty"`
}

// slip is a till's record, as far as a closing reads it.
type slip struct {
	Lines   []slipLine     `json:"lines,omitempty"`
	Tenders []event.Tender `json:"tenders,omitempty"`
}

var digits = map[string]int{"JPY": 0, "INR": 2, "EUR": 2, "KWD": 3}

// drawn is a record with the slip that its request was made of.
type drawn struct {
	closing.Record
	slip
}

func drawRecord(t *rapid.T) drawn {
	d := drawn{}
	d.Currency = rapid.SampledFrom([]string{"JPY", "INR", "INR", "INR", "EUR", "KWD"}).Draw(t, "currency")
	amount := rapid.Map(rapid.Int64Range(0, 1e15-1), func(n int64) string {
		return new(big.Rat).SetFrac(big.NewInt(n), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits[d.Currency])), nil)).FloatString(digits[d.Currency])
	})
	signed := rapid.Map(rapid.Permutation([]string{"", "-", ""}), func(s []string) string { return s[0] })
	d.Kind = rapid.SampledFrom([]sale.Kind{sale.KindSale, sale.KindSale, sale.KindRefund}).Draw(t, "kind")
	d.Total = amount.Draw(t, "total")
	d.Earned, d.Redeemed = rapid.Int64Range(-1e9, 1e9).Draw(t, "earned"), rapid.Int64Range(-1e9, 1e9).Draw(t, "redeemed")
	d.TerminalSeq = rapid.Ptr(rapid.Int64Range(0, 60), true).Draw(t, "seq")
	rates := rapid.Ptr(rapid.SampledFrom([]string{"0", "0.0", "9", "9.0", "9.00", "9.5", "09", "10", "18.000", "5.25", "5.3"}), true)
	for range rapid.IntRange(0, 3).Draw(t, "lines") {
		line := slipLine{}
		if rapid.Bool().Draw(t, "one sum") {
			line.Tax = signed.Draw(t, "sign") + amount.Draw(t, "tax")
		}
		for range rapid.IntRange(0, 3).Draw(t, "taxes") {
			line.Taxes = append(line.Taxes, slipTax{rates.Draw(t, "rate"), signed.Draw(t, "sign") + amount.Draw(t, "amount")})
		}
		d.Lines = append(d.Lines, line)
	}
	for range rapid.IntRange(0, 3).Draw(t, "tenders") {
		d.Tenders = append(d.Tenders, event.Tender{
			Type: rapid.SampledFrom([]string{"cash", "card", "Cash", "gift ☕"}).Draw(t, "type"), Amount: amount.Draw(t, "paid"),
		})
	}
	request, err := json.Marshal(d.slip)
	require.NoError(t, err)
	d.Request = request
	return d
}

// exact is a number as a till writes it.
func exact(text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return r
}

// naive adds up with rational numbers, one question at a time.
func naive(records []drawn) []event.ClosedCurrency {
	all := []event.ClosedCurrency{}
	for _, code := range slices.Sorted(maps.Keys(digits)) {
		of := slices.DeleteFunc(slices.Clone(records), func(d drawn) bool { return d.Currency != code })
		if len(of) == 0 {
			continue
		}
		sums, rates, counts := map[string]*big.Rat{}, map[string]*big.Rat{}, map[string]uint64{}
		add := func(name string, d drawn, amount string) {
			if sums[name] == nil {
				sums[name] = new(big.Rat)
			}
			counts[name]++
			value := exact(amount)
			if d.Kind == sale.KindRefund {
				value.Neg(value)
			}
			sums[name].Add(sums[name], value)
		}
		total := map[sale.Kind]*big.Rat{sale.KindSale: new(big.Rat), sale.KindRefund: new(big.Rat)}
		number := map[sale.Kind]uint64{}
		for _, d := range of {
			total[d.Kind].Add(total[d.Kind], exact(d.Total))
			number[d.Kind]++
			for _, line := range d.Lines {
				if line.Tax != "" {
					add("tax", d, line.Tax)
				}
				for _, tax := range line.Taxes {
					name := "tax"
					if tax.Rate != nil {
						name = "tax at " + exact(*tax.Rate).RatString()
						rates[name] = exact(*tax.Rate)
					}
					add(name, d, tax.Amount)
				}
			}
			for _, tender := range d.Tenders {
				add("by "+tender.Type, d, tender.Amount)
			}
		}
		shown := func(r *big.Rat) string { return r.FloatString(digits[code]) }
		one := event.ClosedCurrency{
			Currency: code, Net: shown(new(big.Rat).Sub(total[sale.KindSale], total[sale.KindRefund])),
			Sales:   event.ClosedSales{Count: number[sale.KindSale], Gross: shown(total[sale.KindSale])},
			Refunds: event.ClosedRefunds{Count: number[sale.KindRefund], Total: shown(total[sale.KindRefund])},
			Tax:     []event.ClosedTax{}, Tenders: []event.ClosedTender{},
		}
		if sums["tax"] != nil {
			one.Tax = append(one.Tax, event.ClosedTax{Amount: shown(sums["tax"])})
		}
		for _, name := range slices.SortedFunc(maps.Keys(rates), func(a, b string) int { return rates[a].Cmp(rates[b]) }) {
			places, _ := rates[name].FloatPrec()
			rate := rates[name].FloatString(places)
			one.Tax = append(one.Tax, event.ClosedTax{Rate: &rate, Amount: shown(sums[name])})
		}
		for _, kind := range []string{"Cash", "card", "cash", "gift ☕"} {
			if name := "by " + kind; sums[name] != nil {
				one.Tenders = append(one.Tenders, event.ClosedTender{Type: kind, Count: counts[name], Amount: shown(sums[name])})
			}
		}
		all = append(all, one)
	}
	return all
}

// gaps are the numbers between the range's least and greatest that nobody has seen, found one by one.
func gaps(records []drawn, earlier map[int64]bool) [][2]int64 {
	seen, all := maps.Clone(earlier), [][2]int64{}
	least, greatest := int64(1<<62), int64(-1)
	for _, d := range records {
		if d.TerminalSeq != nil {
			seen[*d.TerminalSeq] = true
			least, greatest = min(least, *d.TerminalSeq), max(greatest, *d.TerminalSeq)
		}
	}
	for n := least; n < greatest; n++ {
		switch {
		case seen[n]:
		case len(all) > 0 && all[len(all)-1][1] == n-1:
			all[len(all)-1][1] = n
		default:
			all = append(all, [2]int64{n, n})
		}
	}
	return all
}

// The whole of a closing is what one makes of the records with pencil and paper, whichever pages the earlier numbers come in.
func TestAClosingIsWhatOneAddsUpByHand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := make([]drawn, rapid.IntRange(0, 12).Draw(t, "records"))
		of := closing.Range{StoreID: "s1", TerminalID: "t1~2", Number: 3, From: 8, To: uint64(7 + len(records)), BeforeUS: 1}
		if len(records) > 0 {
			of.HeadHash = common.Hash{1}
		}
		sums := closing.New(of)
		var earned, redeemed int64
		for i := range records {
			records[i] = drawRecord(t)
			records[i].Number, records[i].Hash = uint64(8+i), of.HeadHash
			require.NoError(t, sums.Add(&records[i].Record))
			earned, redeemed = earned+records[i].Earned, redeemed+records[i].Redeemed
		}
		earlier := make(map[int64]bool)
		for _, n := range rapid.SliceOf(rapid.Int64Range(0, 60)).Draw(t, "earlier") {
			earlier[n] = true
		}
		page := rapid.IntRange(1, 5).Draw(t, "page")
		for asked := 0; ; asked++ {
			from, to, ok := sums.Unknown()
			if !ok {
				break
			}
			require.LessOrEqual(t, from, to)
			require.Less(t, asked, 100, "it must end")
			found := slices.DeleteFunc(slices.Sorted(maps.Keys(earlier)), func(n int64) bool { return n < from || n > to })
			if len(found) > page {
				found = found[:page]
				to = found[page-1]
			}
			sums.Seen(found, to)
		}
		got, closedAtUS, err := sums.Closing(77)
		require.NoError(t, err)
		require.Equal(t, int64(77), closedAtUS)
		require.Equal(t, event.SalesClosed{
			StoreID: "s1", TerminalID: "t1~2", ClosingNumber: 3, FromNumber: 8, ToNumber: of.To, HeadHash: of.HeadHash,
			OpenedAt: "1970-01-01T00:00:00.000001Z", ClosedAt: "1970-01-01T00:00:00.000077Z",
			Currencies: naive(records), Points: event.ClosedPoints{Earned: earned, Redeemed: redeemed}, MissingTerminalSeq: gaps(records, earlier),
		}, got)
		require.True(t, slices.IsSortedFunc(got.Currencies, func(a, b event.ClosedCurrency) int { return cmp.Compare(a.Currency, b.Currency) }))
	})
}

// Numbers that come in the worst order are kept as runs, and none is lost.
func TestNumbersInAnyOrderBecomeTheSameRuns(t *testing.T) {
	const records = 30_000
	for name, nth := range map[string]func(i int64) int64{
		"ascending":          func(i int64) int64 { return i },
		"descending":         func(i int64) int64 { return records - 1 - i },
		"every other first":  func(i int64) int64 { return i*2%records + i*2/records },
		"anywhere":           func(i int64) int64 { return i * 7919 % records },
		"each of them twice": func(i int64) int64 { return i / 2 * 2 },
	} {
		t.Run(name, func(t *testing.T) {
			sums := closing.New(closing.Range{TerminalID: "t1", From: 1, To: records})
			for i := range int64(records) {
				r := sold(`{}`, seq(nth(i)), func(r *closing.Record) { r.Number = uint64(i + 1) })
				require.NoError(t, sums.Add(&r))
			}
			if _, to, ok := sums.Unknown(); ok {
				sums.Seen(nil, to)
			}
			c, _, err := sums.Closing(1)
			require.NoError(t, err)
			if name == "each of them twice" {
				require.Len(t, c.MissingTerminalSeq, closing.MaxMissing)
				require.Equal(t, [2]int64{1, 1}, c.MissingTerminalSeq[0])
				return
			}
			require.Empty(t, c.MissingTerminalSeq)
		})
	}
}
