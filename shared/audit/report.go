package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Kind says what was found. The words are stable: programs and infra/docs/AUDITING.md go by them.
type Kind string

// The kinds.
const (
	RecordAltered  Kind = "record_altered"  // its fields, request and salt do not hash to its sale_hash
	RecordMissing  Kind = "record_missing"  // a number of a terminal's chain has no record
	RecordDoubled  Kind = "record_doubled"  // a number of a terminal's chain has several
	RecordUnlinked Kind = "record_unlinked" // the record after it names another hash
	RecordForged   Kind = "record_forged"   // no published key of the shop signed it
	PointsAltered  Kind = "points_altered"  // what it earned and redeemed is not what was hashed
	AnswerAltered  Kind = "answer_altered"  // the stored answer says something else than the record
	RequestDiffers Kind = "request_differs" // what was recorded is not what the till sent
	HeadAltered    Kind = "head_altered"    // what is kept of a chain's end is not its last record
	EntryAltered   Kind = "entry_altered"   // a loyalty entry says something else than its record
	EntryMissing   Kind = "entry_missing"   // a number of a customer's entries has none
	EntryAlone     Kind = "entry_alone"     // a loyalty entry has no record
	PointsWrong    Kind = "points_wrong"    // the points do not follow from the rules
	PurchaseWrong  Kind = "purchase_wrong"  // purchase numbers are not dense, or times do not grow
	AccountAltered Kind = "account_altered" // an account is not what the customer's last entry says
	RefundsAltered Kind = "refunds_altered" // what is kept of a sale's refunds is not what they come to
	RefundsExceed  Kind = "refunds_exceed"  // a sale's refunds come to more than it
	LeafAltered    Kind = "leaf_altered"    // a batch's leaf is not its record's
	LeafAlone      Kind = "leaf_alone"      // a batch's leaf has no record
	AmountWrong    Kind = "amount_wrong"    // an amount in wei does not follow from total and rate
	BatchAltered   Kind = "batch_altered"   // a batch's leaves do not lead to its root
	LogAltered     Kind = "log_altered"     // the batches do not lead to the log's root
	LogDiffers     Kind = "log_differs"     // the contract's log is not the journal's
	ContractOther  Kind = "contract_other"  // a contract is none that the shop has published
	KeyUnpublished Kind = "key_unpublished" // a key of the database's is none that the shop has published
	RulesAltered   Kind = "rules_altered"   // the text of a version of the loyalty rules is not what its hash says
	ClosingAltered Kind = "closing_altered" // a closing is not what the shop signed
	ClosingDiffers Kind = "closing_differs" // a closing is not what its records come to
	ClosingMissing Kind = "closing_missing" // a number of a terminal's closings has none
	NotAnchored    Kind = "not_anchored"    // a record stands in no mined batch though its time has come
	PromiseBroken  Kind = "promise_broken"  // and its promise is past
	CheckpointGone Kind = "checkpoint_gone" // what an earlier audit saw does not stand any more
)

// AllKinds are all the kinds, in the order of the table above.
func AllKinds() []Kind {
	return []Kind{
		RecordAltered, RecordMissing, RecordDoubled, RecordUnlinked, RecordForged, PointsAltered, AnswerAltered, RequestDiffers, HeadAltered, EntryAltered,
		EntryMissing, EntryAlone, PointsWrong, PurchaseWrong, AccountAltered, RefundsAltered, RefundsExceed, LeafAltered, LeafAlone, AmountWrong,
		BatchAltered, LogAltered, LogDiffers, ContractOther, KeyUnpublished, RulesAltered, ClosingAltered, ClosingDiffers,
		ClosingMissing, NotAnchored, PromiseBroken, CheckpointGone,
	}
}

// Finding is one thing that is not as it should be, by ids and without a customer's data but the customer's id.
type Finding struct {
	Kind       Kind   `json:"kind"`
	SaleID     string `json:"sale_id,omitempty"`
	TerminalID string `json:"terminal_id,omitempty"` // with its series
	Number     uint64 `json:"number,omitempty"`      // record_number, closing_number or the entry's
	CustomerID string `json:"customer_id,omitempty"`
	Deployment int64  `json:"deployment,omitempty"`
	BatchID    uint64 `json:"batch_id,omitempty"`
	Detail     string `json:"detail"`

	other    string // the sale_id of another record concerned
	chain    string // whose records a closing covers
	from, to uint64 // and which
}

// String is a finding in a line: its kind, what it is of, and what was found.
func (f *Finding) String() string {
	of := ""
	add := func(format string, values ...any) { of += " " + fmt.Sprintf(format, values...) }
	if f.TerminalID != "" {
		add("%s/%d", f.TerminalID, f.Number)
	}
	if f.CustomerID != "" {
		if add("customer %s", f.CustomerID); f.Number != 0 {
			add("entry %d", f.Number)
		}
	}
	if f.BatchID != 0 {
		add("batch %d of deployment %d", f.BatchID, f.Deployment)
	}
	if f.SaleID != "" {
		add("sale %s", f.SaleID)
	}
	if of != "" {
		of = ":" + of
	}
	return printable(string(f.Kind) + of + ": " + f.Detail)
}

// printable replaces what could end a line or command a terminal: whoever owns the database chose the ids.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Kinds are the kinds that were found, in order.
func (r *Report) Kinds() []Kind { return slices.Sorted(maps.Keys(r.Counts)) }

// MaxFindings is how many findings are kept; more are counted.
const MaxFindings = 10_000

// Report is what an audit found.
type Report struct {
	Findings []Finding      `json:"findings"`
	Counts   map[Kind]int64 `json:"counts"` // of all of them
	Records  int64          `json:"records"`
	Entries  int64          `json:"entries"`
	Batches  int64          `json:"batches"`
	Closings int64          `json:"closings"`
	Skipped  []string       `json:"skipped"` // what was not checked, and why
	Unknown  []Kind         `json:"-"`       // kinds of which not all was looked for: that none was found says nothing

	Contracts []Compared `json:"contracts"`
	Keys      []string   `json:"keys"` // kid of each key by which promises were checked, as the database has them

	Checkpoint *Checkpoint `json:"checkpoint,omitempty"` // where the next audit can begin; nil of an audit of one terminal or customer
}

// Compared is a contract whose log was compared, as the block shows it.
type Compared struct {
	ChainID  string `json:"chain_id"`
	Contract string `json:"contract"`
	Batches  uint64 `json:"batches"`
	Root     string `json:"root"`
	Block    uint64 `json:"block"`
}

func (r *Report) found(f Finding) {
	if r.Counts == nil {
		r.Counts = make(map[Kind]int64)
	}
	if r.Counts[f.Kind]++; len(r.Findings) < MaxFindings {
		for _, text := range []*string{&f.SaleID, &f.TerminalID, &f.CustomerID} {
			*text = cut(*text, maxID)
		}
		f.Detail = cut(f.Detail, maxDetail)
		r.Findings = append(r.Findings, f)
	}
}

// Limits of a finding's texts, in bytes: whoever owns the database chose them, and they go into events and answers.
const (
	maxID     = 256 // longer than any id that a service records
	maxDetail = 1024
)

// cut is the beginning of a text that is too long.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Clean reports whether nothing was found.
func (r *Report) Clean() bool { return len(r.Counts) == 0 }

// derived are findings that follow from another one about the same record.
var derived = map[Kind]bool{
	EntryAltered: true, EntryMissing: true, PointsWrong: true, PurchaseWrong: true, LeafAltered: true, AmountWrong: true, RefundsExceed: true,
	RefundsAltered: true, RecordUnlinked: true,
}

// settle leaves out what follows from another finding about the same record: whoever mends that one mends both.
func (r *Report) settle() {
	own := make(map[string]bool)
	for _, f := range r.Findings {
		if f.SaleID != "" && (f.Kind == RecordAltered || f.Kind == RecordForged || f.Kind == PointsAltered) {
			own[f.SaleID] = true
		}
	}
	all := slices.Clone(r.Findings)
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		follows := derived[f.Kind] && (own[f.SaleID] || own[f.other]) || f.Kind == ClosingDiffers && within(all, &f)
		if follows {
			if r.Counts[f.Kind]--; r.Counts[f.Kind] == 0 {
				delete(r.Counts, f.Kind)
			}
		}
		return follows
	})
	r.sort()
}

// ofRecords are the findings about a record of a chain.
var ofRecords = map[Kind]bool{RecordAltered: true, RecordMissing: true, RecordDoubled: true, PointsAltered: true, PointsWrong: true, RequestDiffers: true}

// within reports whether something was found of a record that a closing covers.
func within(all []Finding, closing *Finding) bool {
	return slices.ContainsFunc(all, func(f Finding) bool {
		return ofRecords[f.Kind] && f.TerminalID == closing.chain && f.Number >= closing.from && f.Number <= closing.to
	})
}

// sort puts the findings in an order that is the same each time.
func (r *Report) sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.TerminalID, b.TerminalID), cmp.Compare(a.CustomerID, b.CustomerID), cmp.Compare(a.Deployment, b.Deployment),
			cmp.Compare(a.BatchID, b.BatchID), cmp.Compare(a.Number, b.Number), cmp.Compare(a.SaleID, b.SaleID), cmp.Compare(a.Kind, b.Kind))
	})
}
