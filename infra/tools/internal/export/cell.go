package export

import (
	"regexp"
	"strings"
)

// formulas are what a spreadsheet takes for the beginning of one, the full-width forms of East Asian keyboards included (OWASP, "CSV Injection").
const formulas = "=+-@\t\r\n＝＋－＠"

// text is a cell that a spreadsheet shows and does not run. A cell that begins like a formula is one to a spreadsheet, quoted or not, and a
// formula can send the other cells to a stranger, or start a program: whoever types at a till, or orders online, would do that on the
// accountant's machine. The apostrophe says that the rest is text.
func text(s string) string {
	if s != "" && strings.ContainsRune(formulas, []rune(s)[0]) {
		return "'" + s
	}
	return s
}

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// figure is a cell with a number, which may begin with its sign; an altered record may have anything there.
func figure(s string) string {
	if decimal.MatchString(s) {
		return s
	}
	return text(s)
}

// negated is a number with the other sign; zero has none.
func negated(s string) string {
	positive, negative := strings.CutPrefix(s, "-")
	if negative || strings.Trim(positive, "0.") == "" {
		return positive
	}
	return "-" + positive
}
