// Package money holds exact amounts: fiat in minor units by ISO 4217, and wei. No floats, and no rounding except where a rule names it.
package money

import (
	"maps"
	"slices"
	"strings"

	"github.com/tillseal/tillseal/shared/fault"
)

// Currency is an ISO 4217 alphabetic code with its number of minor digits. The zero value is not a currency.
type Currency struct {
	code   string
	digits int
}

// codesByDigits lists ISO 4217's active currencies by minor digits. Fund codes, precious metals and testing codes are left out: nobody
// pays with them at a till.
var codesByDigits = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
	2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK " +
		"DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT " +
		"LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN " +
		"QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS " +
		"VED VES WST XCD XCG YER ZAR ZMW ZWG",
	3: "BHD IQD JOD KWD LYD OMR TND",
}

var currencies = func() map[string]Currency {
	all := make(map[string]Currency)
	for digits, codes := range codesByDigits {
		for code := range strings.FieldsSeq(codes) {
			all[code] = Currency{code: code, digits: digits}
		}
	}
	return all
}()

// ParseCurrency returns the currency with an upper-case ISO 4217 code; any other text is an Invalid fault.
func ParseCurrency(code string) (Currency, error) {
	c, ok := currencies[code]
	if !ok {
		return Currency{}, fault.New(fault.Invalid, "not the code of an ISO 4217 currency, in capitals")
	}
	return c, nil
}

// Currencies are all that ParseCurrency knows, by code.
func Currencies() []Currency {
	return slices.SortedFunc(maps.Values(currencies), func(a, b Currency) int { return strings.Compare(a.code, b.code) })
}

// NoCurrency is ISO 4217's code for transactions that no currency is involved in: that of the records that no till sends, whose total is 0.
const NoCurrency = "XXX"

// ParseRecorded returns the currency of a committed record: one that ParseCurrency knows, or NoCurrency, which has no digits after the point
// and which no till can send. Any other text is an Invalid fault.
func ParseRecorded(code string) (Currency, error) {
	if code == NoCurrency {
		return Currency{code: NoCurrency}, nil
	}
	return ParseCurrency(code)
}

// Code is the ISO 4217 alphabetic code.
func (c Currency) Code() string { return c.code }

// Digits is the number of digits after the decimal point, 0 to 3.
func (c Currency) Digits() int { return c.digits }

// MaxRounding is how much a line may round: one unit of the currency, or half the smallest coin where that is more. Cash is rounded to coins.
func (c Currency) MaxRounding() Minor {
	most := Minor(1)
	for range c.digits {
		most *= 10
	}
	return max(most, smallestCoins[c.code]/2)
}

// smallestCoins are those of more than two units that are in everyday use, in minor units: there a sum in cash is rounded to a multiple of it.
var smallestCoins = map[string]Minor{
	"AMD": 10_00, "ARS": 10_00, "BIF": 50, "CLP": 10, "COP": 50_00, "CRC": 5_00, "DZD": 5_00, "GNF": 500, "HUF": 5_00, "IDR": 50_00, "IQD": 250_000,
	"IRR": 1000_00, "KHR": 50_00, "KRW": 10, "KZT": 5_00, "LAK": 500_00, "LBP": 250_00, "MGA": 50_00, "MMK": 50_00, "MNT": 20_00, "MWK": 10_00,
	"NGN": 5_00, "PYG": 50, "RWF": 5, "SYP": 50_00, "TZS": 50_00, "UGX": 50, "UZS": 50_00, "VND": 200, "VUV": 5, "XAF": 5, "XOF": 5, "XPF": 5,
}
