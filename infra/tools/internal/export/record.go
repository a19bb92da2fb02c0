package export

import (
	"encoding/json"
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/slip"
)

// row is a record as the view has it. Its salt and answer are read to be checked: what is exported of them is Record's.
type row struct {
	facts                 sale.Sale
	request, answer, salt []byte
	saleHash              string
}

func (r *row) take(kind, previous string, purchase, number, recorded int64) {
	f := &r.facts
	f.Kind, f.PreviousHash = sale.Kind(kind), common.HexToHash(previous)
	f.PurchaseNumber, f.RecordNumber, f.RecordedAt = uint64(purchase), uint64(number), uint64(recorded)
}

// intact reports whether the record is what was hashed.
func (r *row) intact() bool {
	hash, err := hexutil.Decode(r.saleHash)
	return err == nil && sale.Intact(r.facts, r.request, r.salt, hash)
}

// Record is a line of an export in JSON: what was recorded, without what only the till or the shop may know (the salt, the idempotency key, the
// receipt's token, the promise). Absent members are left out. Texts are as the till sent them.
type Record struct {
	SaleID       string            `json:"sale_id"`
	Kind         sale.Kind         `json:"kind"`
	StoreID      string            `json:"store_id"`
	TerminalID   string            `json:"terminal_id"` // with its series, such as t1~2
	RecordNumber uint64            `json:"record_number"`
	RecordedAt   string            `json:"recorded_at"`            // RFC 3339 UTC
	OccurredAt   string            `json:"occurred_at,omitempty"`  // by the till's clock
	TerminalSeq  *int64            `json:"terminal_seq,omitempty"` // the till's own number
	Offline      bool              `json:"offline,omitempty"`      //
	ExternalRef  string            `json:"external_ref,omitempty"` //
	Currency     string            `json:"currency"`               //
	Total        string            `json:"total"`                  // as recorded: of a refund what was given back
	SignedTotal  string            `json:"signed_total,omitempty"` // of a refund below zero; "" when the total is no amount
	CustomerID   string            `json:"customer_id,omitempty"`  //
	RefundOf     string            `json:"refund_of,omitempty"`    //
	Loyalty      *Loyalty          `json:"loyalty,omitempty"`      // none for a guest
	Lines        []event.Line      `json:"lines,omitempty"`
	Tenders      []event.Tender    `json:"tenders,omitempty"`
	Note         string            `json:"note,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	By           string            `json:"by,omitempty"` // of an adjustment: who corrected the points
	Metadata     map[string]string `json:"metadata,omitempty"`
	SaleHash     string            `json:"sale_hash"`

	currency money.Currency // the zero value when Currency is none
	total    money.Minor    // below zero on a refund
	added    []string       // what each line adds to Total, "" where that can't be known
}

// Loyalty is what a record did to its customer's points, as the till was answered. On a refund points_earned is minus what was clawed back and
// points_redeemed minus what was returned.
type Loyalty struct {
	PurchaseNumber int64 `json:"purchase_number"`
	FirstPurchase  bool  `json:"first_purchase"`
	PointsEarned   int64 `json:"points_earned"`
	PointsRedeemed int64 `json:"points_redeemed"`
	PointsBalance  int64 `json:"points_balance"`
	Shortfall      int64 `json:"shortfall,omitempty"`
}

// Reasons why a record is not to be trusted as it stands.
var (
	errAltered = errors.New("does not hash to its sale_hash: it was altered after it was recorded")
	errTotal   = errors.New("has a currency or a total that is none")
	errRequest = errors.New("has a request that is no record")
	errLine    = errors.New("has a line of which it can't be known what it adds to the total")
	errAnswer  = errors.New("has an answer whose points are not those that were hashed")
)

// read makes a Record of a row, with all that can be read of it; doubts say what is wrong with it.
func (r *row) read() (rec Record, doubts []error) {
	f := &r.facts
	rec = Record{
		SaleID: f.SaleID, Kind: f.Kind, StoreID: f.StoreID, TerminalID: f.TerminalID, RecordNumber: f.RecordNumber,
		RecordedAt: sale.FormatTime(int64(f.RecordedAt)), Currency: f.Currency, Total: f.Total, CustomerID: f.CustomerID, RefundOf: f.RefundOf,
		SaleHash: r.saleHash,
	}
	if !r.intact() {
		doubts = append(doubts, errAltered)
	}
	if !rec.readTotal() {
		doubts = append(doubts, errTotal)
	}
	if !rec.readRequest(r.request) {
		doubts = append(doubts, errRequest)
	}
	if !rec.addLines() {
		doubts = append(doubts, errLine)
	}
	if !rec.readAnswer(r.answer, f) {
		doubts = append(doubts, errAnswer)
	}
	return rec, doubts
}

func (r *Record) readTotal() bool {
	currency, err := money.ParseRecorded(r.Currency)
	if err != nil {
		return false
	}
	r.currency = currency
	if r.total, err = currency.Parse(r.Total); err != nil {
		return false
	}
	if r.refund() {
		r.total = -r.total
	}
	r.SignedTotal = currency.Format(r.total)
	return true
}

func (r *Record) refund() bool { return r.Kind == sale.KindRefund }

func (r *Record) readRequest(request []byte) bool {
	sent, err := event.SentOf(request)
	if err != nil {
		return false
	}
	var why struct {
		Note   string `json:"note"`
		Reason string `json:"reason"`
		By     string `json:"by"`
	}
	if json.Unmarshal(request, &why) != nil {
		return false
	}
	r.OccurredAt, r.TerminalSeq, r.Offline, r.ExternalRef = sent.OccurredAt, sent.TerminalSeq, sent.Offline, sent.ExternalRef
	r.Lines, r.Tenders, r.Metadata, r.Note, r.Reason, r.By = sent.Lines, sent.Tenders, sent.Metadata, why.Note, why.Reason, why.By
	return true
}

func (r *Record) addLines() (known bool) {
	known, r.added = true, make([]string, len(r.Lines))
	for i := range r.Lines {
		m, err := slip.Adds(&r.Lines[i], r.currency)
		if err != nil {
			known = false
			continue
		}
		if r.refund() {
			m = -m
		}
		r.added[i] = r.currency.Format(m)
	}
	return known
}

// readAnswer reads the points of the till's answer. The answer itself is not hashed, but what the points came to is.
func (r *Record) readAnswer(answer []byte, f *sale.Sale) bool {
	var said struct {
		Loyalty *Loyalty `json:"loyalty"`
	}
	if json.Unmarshal(answer, &said) != nil {
		return false
	}
	r.Loyalty = said.Loyalty
	if r.Loyalty == nil {
		return f.CustomerID == ""
	}
	l := r.Loyalty
	return l.PointsEarned-l.PointsRedeemed == f.PointsDelta && l.PointsBalance == f.PointsBalance && uint64(l.PurchaseNumber) == f.PurchaseNumber
}
