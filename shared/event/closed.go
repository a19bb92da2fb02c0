package event

import (
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"
)

// SalesClosed is a till's end of day (infra/docs/CONTRACT.md, 3.4): what the records of a chain from one number to another add up to. It is
// the answer of POST /closings and the event that announces it. Amounts are canonical decimals of their currency and may be negative where a
// closing has more refunds than sales.
type SalesClosed struct {
	StoreID       string           `json:"store_id"`
	TerminalID    string           `json:"terminal_id"`          // with its series, such as t1~2
	RecordsOf     string           `json:"records_of,omitempty"` // the ended chain, such as t1, whose records they are; "" for the terminal's own
	ClosingNumber uint64           `json:"closing_number"`       // dense from 1 at the terminal
	FromNumber    uint64           `json:"from_number"`          // record_number of the first record
	ToNumber      uint64           `json:"to_number"`            // and of the last one; from_number − 1 when there is none
	HeadHash      common.Hash      `json:"head_hash"`            // sale_hash of to_number; zero while the terminal has no record
	OpenedAt      string           `json:"opened_at"`            // RFC 3339 UTC: closed_at of the closing before of the same chain's records
	ClosedAt      string           `json:"closed_at"`
	Currencies    []ClosedCurrency `json:"currencies"` // by code
	Points        ClosedPoints     `json:"points"`
	Late          ClosedLate       `json:"late"`
	// MissingTerminalSeq are ranges of the till's own numbers that never arrived, first and last; at most 100, the lowest ones.
	MissingTerminalSeq [][2]int64 `json:"missing_terminal_seq"`
	Promise            string     `json:"promise,omitempty"` // compact JWS over the hash of all that is above
}

// ClosedCurrency are the sums in one currency. Taxes and tenders are net of refunds.
type ClosedCurrency struct {
	Currency string         `json:"currency"` // ISO 4217
	Sales    ClosedSales    `json:"sales"`
	Refunds  ClosedRefunds  `json:"refunds"`
	Net      string         `json:"net"`     // gross − refunds
	Tax      []ClosedTax    `json:"tax"`     // by rate, ascending; without a rate first
	Tenders  []ClosedTender `json:"tenders"` // by type
}

// ClosedSales are the sales of one currency.
type ClosedSales struct {
	Count uint64 `json:"count"`
	Gross string `json:"gross"` // Σ totals
}

// ClosedRefunds are the refunds of one currency.
type ClosedRefunds struct {
	Count uint64 `json:"count"`
	Total string `json:"total"` // positive
}

// ClosedTax is the tax of one rate.
type ClosedTax struct {
	Rate   *string `json:"rate"` // per cent, without trailing zeros; null where none was given
	Amount string  `json:"amount"`
}

// ClosedTender is one means of payment.
type ClosedTender struct {
	Type   string `json:"type"`
	Count  uint64 `json:"count"` // payments, those back included
	Amount string `json:"amount"`
}

// ClosedPoints are the points of all records, net of refunds.
type ClosedPoints struct {
	Earned   int64 `json:"earned"`
	Redeemed int64 `json:"redeemed"`
}

// ClosedLate counts the records that a till dated before the closing before.
type ClosedLate struct {
	Count uint64 `json:"count"`
}

// Name is the closing's name, `<terminal>/<n>`.
func (e *SalesClosed) Name() string {
	return e.TerminalID + "/" + strconv.FormatUint(e.ClosingNumber, 10)
}

func (e *SalesClosed) hashes() []common.Hash { return []common.Hash{e.HeadHash} }

// Closed makes the message of a closing. generation distinguishes a repair from the first publishing, as in Recorded.
func Closed(e SalesClosed, source string, generation int, trace Trace) *nats.Msg {
	name := e.Name()
	return message(SubjectClosed+"."+e.StoreID, e, envelope{
		id: name + "/closed", source: source, kind: "tillseal.sales.closed.v1", subject: name, at: e.ClosedAt, generation: generation, trace: trace,
	})
}
