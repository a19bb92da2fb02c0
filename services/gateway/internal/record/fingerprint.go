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

// canonicalMore is how much longer than what was sent the canonical form of almost every record is at most.
const canonicalMore = 64

// fingerprint is that of a value, which had so many bytes when it was sent.
func fingerprint(v *strictjson.Value, sent int) Fingerprint {
	return sha256.Sum256(canonical(make([]byte, 0, sent+canonicalMore), v))
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

func numberForm(text string) string {
	negative, digits, exponent, ok := strictjson.Decimal(text)
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
