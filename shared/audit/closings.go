package audit

import (
	"context"
	_ "embed" // the statements
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/promise"
)

var (
	//go:embed sql/closings.sql
	closingsSQL string
	//go:embed sql/closings_before.sql
	closingsBeforeSQL string
	//go:embed sql/closing_records.sql
	closingRecordsSQL string
	//go:embed sql/closing_seqs.sql
	closingSeqsSQL string
)

// stored is a closing as audit.closing has it.
type stored struct {
	name, chain string // in whose name it is, and whose records it covers
	number      uint64
	from, to    uint64
	store       string
	closedUS    int64
	body        []byte
}

const (
	pageClosing = 5000 // records that one statement reads
	pageSeqs    = 10_000
	maxSeries   = 10_000 // of a terminal: a chain's name may say what it will
)

// closings adds up what each closing covers anew.
func (a *auditor) closings(ctx context.Context) error {
	var all []stored // of a shop with a hundred tills some thirty thousand a year, a kilobyte each
	err := a.each(ctx, "audit.closing", closingsSQL, func(scan scan) error {
		var c stored
		err := scan(&c.name, &c.number, &c.chain, &c.from, &c.to, &c.store, &c.closedUS, &c.body)
		all = append(all, c)
		return err
	})
	if err != nil {
		return err
	}
	a.numbered(all)
	a.closingsStand(all)
	before := stored{}
	for i := range all {
		c := &all[i]
		if c.chain != before.chain {
			before = stored{chain: c.chain}
		}
		if a.Since == nil || c.closedUS >= a.Since.At.UnixMicro() {
			if err := a.closing(ctx, &before, c); err != nil {
				return err
			}
			a.report.Closings++
		}
		before = *c
	}
	return nil
}

// numbered requires that the closings in each name are numbered without gap.
func (a *auditor) numbered(all []stored) {
	numbers := make(map[string][]uint64)
	for i := range all {
		numbers[all[i].name] = append(numbers[all[i].name], all[i].number)
	}
	for name, of := range numbers {
		slices.Sort(of)
		for i, n := range of {
			if n != uint64(i)+1 {
				a.found(Finding{Kind: ClosingMissing, TerminalID: name, Number: uint64(i) + 1, Detail: "the closing is missing"})
				break
			}
		}
	}
}

// closing compares a closing with its promise, and with what its records come to.
func (a *auditor) closing(ctx context.Context, before, c *stored) error {
	found := func(kind Kind, format string, values ...any) {
		a.found(Finding{
			Kind: kind, TerminalID: c.name, Number: c.number, chain: c.chain, from: c.from, to: c.to, Detail: fmt.Sprintf(format, values...),
		})
	}
	var said event.SalesClosed
	if !readable(c.body, &said) || said.TerminalID != c.name || said.ClosingNumber != c.number || said.FromNumber != c.from ||
		said.ToNumber != c.to || said.StoreID != c.store || (said.RecordsOf == "") != (c.chain == c.name) || said.RecordsOf != "" && said.RecordsOf != c.chain {
		found(ClosingAltered, "it is not the closing that it is kept as")
		return nil
	}
	if !a.signed(&said) {
		found(ClosingAltered, "it is not what the shop signed")
		return nil
	}
	if c.from != before.to+1 {
		found(ClosingDiffers, "it begins with record %d, the one before it ended with %d", c.from, before.to)
		return nil
	}
	made, err := a.addUpClosing(ctx, before, c, &said)
	if err != nil {
		return err
	}
	if made == nil || closing.Hash(*made) != closing.Hash(said) {
		found(ClosingDiffers, "its records come to something else")
	}
	return nil
}

func readable(body []byte, said *event.SalesClosed) bool { return json.Unmarshal(body, said) == nil }

// signed reports whether a published key of the shop signed a closing.
func (a *auditor) signed(said *event.SalesClosed) bool {
	claims, err := promise.OpenClosing(said.Promise, a.keys.Published)
	at, wrong := time.Parse(time.RFC3339Nano, said.ClosedAt)
	return err == nil && wrong == nil && claims.ClosingHash == closing.Hash(*said) && claims.StoreID == said.StoreID && claims.TerminalID == said.TerminalID &&
		claims.ClosingNumber == said.ClosingNumber && claims.IssuedAt == at.Unix()
}

// addUpClosing makes a closing anew from its records; nil where they can't be added up.
func (a *auditor) addUpClosing(ctx context.Context, before, c *stored, said *event.SalesClosed) (*event.SalesClosed, error) {
	in := closing.Range{
		StoreID: c.store, TerminalID: c.name, Number: c.number, RecordsOf: said.RecordsOf, From: c.from, To: c.to, HeadHash: said.HeadHash, BeforeUS: before.closedUS,
	}
	if err := a.tx.QueryRow(ctx, closingsBeforeSQL, c.name, int64(c.number)).Scan(&in.NamedAtUS); err != nil {
		return nil, failed("audit.closing", err)
	}
	sums, sound, page := closing.New(in), true, a.page(pageClosing)
	for next := c.from; next <= c.to && sound; {
		read := 0
		err := a.each(ctx, "audit.sale", closingRecordsSQL, func(scan scan) error {
			var (
				r    closing.Record
				hash string
			)
			if err := scan(&r.Number, &r.Kind, &r.Currency, &r.Total, &r.Earned, &r.Redeemed, &r.OccurredAt, &r.TerminalSeq, &r.RecordedAtUS, &hash,
				&r.Request); err != nil {
				return err
			}
			r.Hash = bytesOf(hash)
			read++
			next = r.Number + 1
			sound = sound && sums.Add(&r) == nil
			return nil
		}, c.chain, int64(next), int64(c.to), page)
		if err != nil {
			return nil, err
		}
		if read == 0 {
			return nil, nil
		}
	}
	if !sound {
		return nil, nil
	}
	if err := a.lookUpSeqs(ctx, sums, c); err != nil {
		return nil, err
	}
	if made, closedUS, err := sums.Closing(c.closedUS); err == nil && closedUS == c.closedUS {
		return &made, nil
	}
	return nil, nil
}

// lookUpSeqs finds out which of the till's numbers that the range does not have came before it.
func (a *auditor) lookUpSeqs(ctx context.Context, sums *closing.Sums, c *stored) error {
	terminal, series, _ := strings.Cut(c.chain, "~")
	last, _ := strconv.ParseInt(series, 10, 64)
	ended := []string{}
	for n := int64(1); n < min(max(last, 1), maxSeries); n++ {
		name := terminal
		if n > 1 {
			name += "~" + strconv.FormatInt(n, 10)
		}
		ended = append(ended, name)
	}
	for from, to, more := sums.Unknown(); more; from, to, more = sums.Unknown() {
		var (
			seqs    []int64
			scanned int
		)
		through := to
		err := a.each(ctx, "audit.sale", closingSeqsSQL, func(scan scan) error {
			var (
				seq    int64
				counts bool
			)
			if err := scan(&seq, &counts); err != nil {
				return err
			}
			if counts {
				seqs = append(seqs, seq)
			}
			if scanned++; scanned == pageSeqs {
				through = seq
			}
			return nil
		}, terminal, from, to, ended, c.chain, int64(c.to), pageSeqs)
		if err != nil {
			return err
		}
		sums.Seen(seqs, through)
	}
	return nil
}
