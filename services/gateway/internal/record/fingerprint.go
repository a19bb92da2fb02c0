package record

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/tillseal/tillseal/shared/strictjson"
)

// Fingerprint is equal for two records that are the same JSON value: the same members and values, whatever their order, spacing and escapes.
// Strings are equal by their characters, numbers by their value.
type Fingerprint [sha256.Size]byte

// usualCanonical is room for the canonical form of almost every record.
const usualCanonical = 1024

func fingerprint(v *strictjson.Value) Fingerprint {
	return sha256.Sum256(canonical(make([]byte, 0, usualCanonical), v))
}

// canonical appends a form that two values share exactly when they are equal: members sorted, strings quoted by Go,
// numbers as digits and a power of ten.
func canonical(out []byte, v *strictjson.Value) []byte {
	switch v.Kind {
	case strictjson.String:
		return appendQuoted(out, v.Text)
	case strictjson.Number:
		return append(out, numberForm(v.Text)...)
	case strictjson.Array:
		out = append(out, '[')
		for _, item := range v.Items {
			out = append(canonical(out, item), ',')
		}
		return append(out, ']')
	case strictjson.Object:
		sorted := slices.Clone(v.Members)
		slices.SortFunc(sorted, func(a, b strictjson.Member) int { return strings.Compare(a.Name, b.Name) })
		out = append(out, '{')
		for _, m := range sorted {
			out = append(appendQuoted(out, m.Name), ':')
			out = append(canonical(out, m.Value), ',')
		}
		return append(out, '}')
	case strictjson.Null, strictjson.Bool:
	}
	return append(out, v.Text...)
}

// appendQuoted is strconv.AppendQuote, which takes long over each character, with a short way for the many texts that need no escape.
func appendQuoted(out []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return strconv.AppendQuote(out, text)
		}
	}
	return append(append(append(out, '"'), text...), '"')
}

// maxExponentDigits keeps exponents within an int; a number beyond is only equal to itself as written, and no record may hold one.
const maxExponentDigits = 9

// decimalOf splits a JSON number: ±digits × 10^exponent, digits without zeros at either end, "" for zero.
func decimalOf(text string) (negative bool, digits string, exponent int, ok bool) {
	text, negative = strings.CutPrefix(text, "-")
	mantissa, power := text, "0"
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, power = text[:i], strings.TrimPrefix(text[i+1:], "+")
	}
	if len(strings.TrimLeft(strings.TrimPrefix(power, "-"), "0")) > maxExponentDigits {
		return false, "", 0, false
	}
	exponent, err := strconv.Atoi(power)
	if err != nil {
		return false, "", 0, false
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(trimmed)
	if trimmed == "" {
		return false, "", 0, true
	}
	return negative, trimmed, exponent, true
}

func numberForm(text string) string {
	negative, digits, exponent, ok := decimalOf(text)
	switch {
	case !ok:
		return text
	case digits == "":
		return "0"
	case negative:
		digits = "-" + digits
	}
	return digits + "e" + strconv.Itoa(exponent)
}

// maxSafeInteger is the largest that every JSON reader keeps exact (RFC 8259 section 6): 2^53 − 1.
const maxSafeInteger = 1<<53 - 1

// integerOf reads a JSON number that is an integer from 0 to maxSafeInteger by its value: 200, 200.0 and 2e2 are one
// number to JSON, so that they are to us.
func integerOf(text string) (int64, bool) {
	negative, digits, exponent, ok := decimalOf(text)
	const maxDigits = 16
	if !ok || negative || exponent < 0 && digits != "" || len(digits)+exponent > maxDigits {
		return 0, false
	}
	if digits == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(digits+strings.Repeat("0", exponent), 10, 64)
	return n, err == nil && n <= maxSafeInteger
}
