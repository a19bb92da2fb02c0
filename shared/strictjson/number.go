package strictjson

import (
	"strconv"
	"strings"
)

// maxExponentDigits keeps exponents within an int; a number beyond is only equal to itself as written, and no member may hold one.
const maxExponentDigits = 9

// Decimal splits a JSON number: ±digits × 10^exponent, digits without zeros at either end, "" for zero. ok is false for an absurd exponent.
func Decimal(text string) (negative bool, digits string, exponent int, ok bool) {
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

// maxSafeInteger is the largest that every JSON reader keeps exact (RFC 8259 section 6): 2^53 − 1.
const maxSafeInteger = 1<<53 - 1

// Integer reads a JSON number that is an integer from 0 to maxSafeInteger by its value: 200, 200.0 and 2e2 are one
// number to JSON, so that they are to us.
func Integer(text string) (int64, bool) {
	negative, digits, exponent, ok := Decimal(text)
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
