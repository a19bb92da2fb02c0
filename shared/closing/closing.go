// Package closing adds up what a till's records between two numbers of its chain come to: its end of day (infra/docs/CONTRACT.md, 3.4). It is
// pure: whoever has the records gets the same closing, the clock's reading aside.
package closing

import (
	"math"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
)

// MaxMissing is how many ranges of missing numbers a closing names.
const MaxMissing = 100

// Range is what a closing covers. An empty one ends before it begins: To is From − 1.
type Range struct {
	StoreID    string
	TerminalID string      // the chain in whose name it is closed, as sale.Chain writes it
	Number     uint64      // of the closing
	RecordsOf  string      // the ended chain whose records it covers; "" for TerminalID's own
	From, To   uint64      // record_number
	HeadHash   common.Hash // sale_hash of To; zero while the chain has no record
	BeforeUS   int64       // closed_at of the closing before of the same chain's records, in Unix microseconds; 0 when there is none
	NamedAtUS  int64       // closed_at of the closing before in the same name; 0 when there is none
}

// Chain is the chain whose records the range is of.
func (r *Range) Chain() string {
	if r.RecordsOf != "" {
		return r.RecordsOf
	}
	return r.TerminalID
}

// Record is a committed record of the chain.
type Record struct {
	Number           uint64
	Kind             sale.Kind
	Currency         string
	Total            string // canonical
	Earned, Redeemed int64  // as stored: negative on a refund
	OccurredAt       string // RFC 3339 as the till wrote it; "" when it sent none
	TerminalSeq      *int64
	RecordedAtUS     int64
	Hash             common.Hash
	Request          []byte // as received
}

// Sums are a closing in the making. Their size is that of what a closing has: currencies, rates and tenders, and runs of the till's numbers.
type Sums struct {
	of         Range
	next       uint64 // the number of the record that Add expects
	currencies map[string]*Paid
	points     event.ClosedPoints
	late       uint64
	numbers    numbers
	first      int64 // recorded_at of the first record, Unix microseconds
	latest     int64 // the greatest recorded_at
	hash       common.Hash
}

// New begins to add up a range.
func New(of Range) *Sums {
	return &Sums{of: of, next: of.From, currencies: make(map[string]*Paid), numbers: newNumbers()}
}

// Add adds the record that comes next. An error is Fatal: it is not the next one, or not what the gateway takes, so that somebody else has
// changed it. It never quotes the record.
func (s *Sums) Add(r *Record) error {
	if r.Number != s.next || r.Number > s.of.To {
		return fault.New(fault.Fatal, "record %d of %s came where %d was expected", r.Number, s.of.Chain(), s.next)
	}
	if err := s.add(r); err != nil {
		return fault.New(fault.Fatal, "add record %d of %s: %w", r.Number, s.of.Chain(), err)
	}
	s.next++
	return nil
}

func (s *Sums) add(r *Record) error {
	if r.Kind == sale.KindSale || r.Kind == sale.KindRefund { // the shop's own records move no money
		if err := s.pay(r); err != nil {
			return err
		}
	}
	if !addTo(&s.points.Earned, r.Earned) || !addTo(&s.points.Redeemed, r.Redeemed) {
		return fault.New(fault.Fatal, "the points exceed what a closing can hold")
	}
	if s.of.BeforeUS != 0 && r.OccurredAt != "" {
		at, err := parseTime(r.OccurredAt)
		if err != nil {
			return err
		}
		if at.Before(time.UnixMicro(s.of.BeforeUS)) {
			s.late++
		}
	}
	if r.TerminalSeq != nil {
		s.numbers.add(*r.TerminalSeq)
	}
	if r.Number == s.of.From {
		s.first = r.RecordedAtUS
	}
	s.latest, s.hash = max(s.latest, r.RecordedAtUS), r.Hash
	return nil
}

func (s *Sums) pay(r *Record) error {
	p := s.currencies[r.Currency]
	if p == nil {
		var err error
		if p, err = NewPaid(r.Currency); err != nil {
			return err
		}
		s.currencies[r.Currency] = p
	}
	return p.record(r)
}

// addTo reports whether a sum of points is within an int64.
func addTo(sum *int64, n int64) bool {
	if n > 0 && *sum > math.MaxInt64-n || n < 0 && *sum < math.MinInt64-n {
		return false
	}
	*sum += n
	return true
}

const (
	secondsFrom = len("2026-11-22T10:15:")
	secondsEnd  = len("2026-11-22T10:15:30")
)

// parseTime reads a till's time: any that RFC 3339 allows, a leap second and small letters too.
func parseTime(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err == nil {
		return at, nil
	}
	plain, leap := []byte(text), time.Duration(0)
	for i, c := range plain {
		if c == 't' || c == 'z' {
			plain[i] = c - 'a' + 'A'
		}
	}
	if len(plain) > secondsEnd && string(plain[secondsFrom:secondsEnd]) == "60" {
		copy(plain[secondsFrom:], "59")
		leap = time.Second
	}
	if at, err = time.Parse(time.RFC3339Nano, string(plain)); err != nil {
		return time.Time{}, fault.New(fault.Fatal, "occurred_at is not an RFC 3339 time")
	}
	return at.Add(leap), nil
}

// Unknown returns the till's numbers, first and last, of which it is not known yet whether records before the range have them. ok is false when
// nothing that the closing says depends on more of them. The caller finds out and calls Seen, until then; all records must have been added.
func (s *Sums) Unknown() (from, to int64, ok bool) { return s.numbers.unknown() }

// Seen notes numbers that records of the terminal before the range have, in ascending order: all of those that Unknown asked about from its
// first one up to through.
func (s *Sums) Seen(seen []int64, through int64) { s.numbers.seen(seen, through) }

// Closing is the closing of all that was added, without a promise, and when it is closed in Unix microseconds: now, or later where the range's
// records or a closing before it are. So no two closings in one name are closed at the same time, and a later number is closed later.
func (s *Sums) Closing(nowUS int64) (event.SalesClosed, int64, error) {
	_, _, unknown := s.Unknown()
	switch {
	case s.next != s.of.To+1:
		return event.SalesClosed{}, 0, fault.New(fault.Fatal, "%s has no record %d", s.of.Chain(), s.next)
	case s.of.To >= s.of.From && s.hash != s.of.HeadHash:
		return event.SalesClosed{}, 0, fault.New(fault.Fatal, "the hash of record %d of %s is not the head's", s.of.To, s.of.Chain())
	case unknown:
		return event.SalesClosed{}, 0, fault.New(fault.Fatal, "it is not known which of the till's numbers came before record %d", s.of.From)
	}
	closedAtUS := max(nowUS, s.latest, s.of.BeforeUS+1, s.of.NamedAtUS+1)
	openedAtUS := s.of.BeforeUS
	if openedAtUS == 0 {
		if openedAtUS = s.first; s.of.To < s.of.From {
			openedAtUS = closedAtUS
		}
	}
	return event.SalesClosed{
		StoreID: s.of.StoreID, TerminalID: s.of.TerminalID, RecordsOf: s.of.RecordsOf, ClosingNumber: s.of.Number,
		FromNumber: s.of.From, ToNumber: s.of.To, HeadHash: s.of.HeadHash, OpenedAt: sale.FormatTime(openedAtUS), ClosedAt: sale.FormatTime(closedAtUS),
		Currencies: s.sorted(), Points: s.points, Late: event.ClosedLate{Count: s.late}, MissingTerminalSeq: s.numbers.missing(),
	}, closedAtUS, nil
}
