package closing

import (
	"strconv"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
)

// Hash is the closing_hash: keccak256 of the closing's canonical form.
func Hash(e event.SalesClosed) common.Hash { return sale.Keccak(Canonical(e)) }

// Canonical is a closing's JSON in the form of RFC 8785 (JCS), without its promise: members by name, no spaces, one spelling of each value.
func Canonical(e event.SalesClosed) []byte {
	w := make(writer, 0, 1<<10)
	w.raw(`{"closed_at":`).text(e.ClosedAt).raw(`,"closing_number":`).count(e.ClosingNumber).raw(`,"currencies":[`)
	for i := range e.Currencies {
		w.comma(i).currency(&e.Currencies[i])
	}
	w.raw(`],"from_number":`).count(e.FromNumber).raw(`,"head_hash":`).text(e.HeadHash.Hex())
	w.raw(`,"late":{"count":`).count(e.Late.Count).raw(`},"missing_terminal_seq":[`)
	for i, gap := range e.MissingTerminalSeq {
		w.comma(i).raw(`[`).number(gap[0]).raw(`,`).number(gap[1]).raw(`]`)
	}
	w.raw(`],"opened_at":`).text(e.OpenedAt)
	w.raw(`,"points":{"earned":`).number(e.Points.Earned).raw(`,"redeemed":`).number(e.Points.Redeemed)
	w.raw(`}`)
	if e.RecordsOf != "" { // as its JSON leaves it out
		w.raw(`,"records_of":`).text(e.RecordsOf)
	}
	w.raw(`,"store_id":`).text(e.StoreID).raw(`,"terminal_id":`).text(e.TerminalID).raw(`,"to_number":`).count(e.ToNumber).raw(`}`)
	return w
}

// writer appends JSON.
type writer []byte

func (w *writer) currency(c *event.ClosedCurrency) {
	w.raw(`{"currency":`).text(c.Currency).raw(`,"net":`).text(c.Net)
	w.raw(`,"refunds":{"count":`).count(c.Refunds.Count).raw(`,"total":`).text(c.Refunds.Total)
	w.raw(`},"sales":{"count":`).count(c.Sales.Count).raw(`,"gross":`).text(c.Sales.Gross).raw(`},"tax":[`)
	for i, tax := range c.Tax {
		w.comma(i).raw(`{"amount":`).text(tax.Amount).raw(`,"rate":`)
		if tax.Rate == nil {
			w.raw(`null}`)
			continue
		}
		w.text(*tax.Rate).raw(`}`)
	}
	w.raw(`],"tenders":[`)
	for i, t := range c.Tenders {
		w.comma(i).raw(`{"amount":`).text(t.Amount).raw(`,"count":`).count(t.Count).raw(`,"type":`).text(t.Type).raw(`}`)
	}
	w.raw(`]}`)
}

func (w *writer) raw(text string) *writer {
	*w = append(*w, text...)
	return w
}

func (w *writer) comma(before int) *writer {
	if before > 0 {
		w.raw(`,`)
	}
	return w
}

// text writes a string as ECMAScript's JSON.stringify does (RFC 8785, 3.2.2.2): only quotes, backslashes and control characters are escaped.
func (w *writer) text(s string) *writer {
	w.raw(`"`)
	for _, r := range s { // what is not UTF-8 is U+FFFD, here and in encoding/json
		switch r {
		case '"', '\\':
			*w = append(*w, '\\', byte(r))
		case '\b':
			w.raw(`\b`)
		case '\t':
			w.raw(`\t`)
		case '\n':
			w.raw(`\n`)
		case '\f':
			w.raw(`\f`)
		case '\r':
			w.raw(`\r`)
		default:
			if r < ' ' {
				const digits = "0123456789abcdef"
				*w = append(*w, '\\', 'u', '0', '0', digits[r>>4], digits[r&0xf])
				continue
			}
			*w = utf8.AppendRune(*w, r)
		}
	}
	return w.raw(`"`)
}

// maxSafe is the largest integer up to which all are exact as ECMAScript's numbers, which those of RFC 8785 are.
const maxSafe = 1<<53 - 1

func (w *writer) number(n int64) *writer {
	if n >= -maxSafe && n <= maxSafe {
		*w = strconv.AppendInt(*w, n, 10)
		return w
	}
	*w = strconv.AppendFloat(*w, float64(n), 'f', -1, 64) //nolint:forbidigo // RFC 8785, 3.2.2.3 has it so; these are no money
	return w
}

func (w *writer) count(n uint64) *writer {
	if n <= maxSafe {
		*w = strconv.AppendUint(*w, n, 10)
		return w
	}
	*w = strconv.AppendFloat(*w, float64(n), 'f', -1, 64) //nolint:forbidigo // as above
	return w
}
