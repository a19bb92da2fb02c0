package audit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/intact"
)

// Limits of what waits between reading and checking.
const (
	pageRecords  = 5000    // that one statement reads
	blockRecords = 256     // that are checked at once, some promises' signatures together
	blockBytes   = 4 << 20 // of their requests and answers; one that is larger comes alone
	maxBlocks    = 4       // that wait
)

// head is where a chain ends, by what is kept of it.
type head struct {
	records uint64
	hash    common.Hash
}

// chain is a chain on its way.
type chain struct {
	name   string
	number uint64      // of the last record
	hash   common.Hash // its sale_hash, as it is stored
	saleID string
	gone   *PinnedChain // what an earlier audit saw, where it does not stand
}

// records checks every record on its own, each chain's numbers and links, and where it should end.
func (a *auditor) records(ctx context.Context) error {
	heads, err := a.heads(ctx)
	if err != nil {
		return err
	}
	blocks, checked := make(chan []*row, maxBlocks), make(chan []Finding, maxBlocks)
	var checking sync.WaitGroup
	checkers := runtime.GOMAXPROCS(0)
	if a.Rest != nil {
		checkers = 1
	}
	for range checkers {
		checking.Go(func() {
			for block := range blocks {
				began := time.Now()
				findings := a.check(block)
				a.checked.Add(int64(time.Since(began)))
				checked <- findings
			}
		})
	}
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for findings := range checked {
			for _, f := range findings {
				a.found(f)
			}
		}
	}()
	err = a.readChains(ctx, heads, blocks)
	close(blocks)
	checking.Wait()
	close(checked)
	<-collected
	switch {
	case err != nil:
		return err
	case a.Terminal != "" && a.report.Records == 0 && a.report.Clean():
		return fmt.Errorf("terminal %q has no record", a.Terminal)
	case a.Terminal != "" || a.Since != nil:
		return nil
	}
	return a.chainless(ctx)
}

// chainless finds records that were not come by: those that stand in no chain, and those behind another one of the same number.
func (a *auditor) chainless(ctx context.Context) error {
	others, all := int64(0), int64(0)
	if err := a.parts(ctx, math.MinInt64, func(from, to int64) error {
		var n int64
		if err := a.tx.QueryRow(ctx, countSQL, from, to, from == math.MinInt64).Scan(&n); err != nil {
			return failed("audit.sale", err)
		}
		all += n
		return a.each(ctx, "audit.sale", chainlessSQL, func(scan scan) error {
			var (
				f      Finding
				number int64
			)
			err := scan(&f.SaleID, &f.TerminalID, &number)
			f.Kind, f.Number = RecordAltered, uint64(max(number, 0))
			f.Detail = fmt.Sprintf("it stands in no chain: as record %d of %q", number, f.TerminalID)
			a.found(f)
			others++
			return err
		}, from, to, from == math.MinInt64)
	}); err != nil {
		return err
	}
	if n := all - others - a.report.Records; n != 0 {
		a.found(Finding{Kind: RecordDoubled, Detail: fmt.Sprintf("%d records have a number that another one of the chain has too", n)})
	}
	return nil
}

func (a *auditor) heads(ctx context.Context) (map[string]head, error) {
	rows, err := a.tx.Query(ctx, chainsSQL)
	if err != nil {
		return nil, failed("audit.terminal", err)
	}
	defer rows.Close()
	heads := make(map[string]head)
	for rows.Next() {
		var (
			name, hash string
			records    int64
		)
		if err := rows.Scan(&name, &records, &hash); err != nil {
			return nil, failed("audit.terminal", err)
		}
		heads[name] = head{uint64(records), bytesOf(hash)}
	}
	return heads, failed("audit.terminal", rows.Err())
}

// readChains reads the chains that have records, and then those that should.
func (a *auditor) readChains(ctx context.Context, heads map[string]head, blocks chan<- []*row) error {
	seen := make(map[string]bool)
	for name := ""; ; {
		next, err := a.nextChain(ctx, name)
		if err != nil || next == "" {
			a.withoutRecords(heads)
			a.chainsGone(seen)
			return err
		}
		name, seen[next] = next, true
		if !a.concerns(name) {
			delete(heads, name)
			continue
		}
		c := chain{name: name}
		if err := a.resume(ctx, &c); err != nil {
			return err
		}
		if err := a.readChain(ctx, &c, blocks); err != nil {
			return err
		}
		a.ends(&c, heads)
		a.pin(&c)
		delete(heads, name)
	}
}

// concerns reports whether a chain is to be checked.
func (a *auditor) concerns(chain string) bool {
	terminal, _, _ := strings.Cut(chain, "~")
	return a.Terminal == "" || a.Terminal == terminal || a.Terminal == chain
}

// withoutRecords is about chains of which a record is kept and none is there.
func (a *auditor) withoutRecords(heads map[string]head) {
	for name, h := range heads {
		if h.records > 0 && a.concerns(name) {
			a.found(Finding{Kind: HeadAltered, TerminalID: name, Number: h.records, Detail: "the chain should have records and has none"})
		}
	}
}

// ends compares where a chain ends with what is kept of that.
func (a *auditor) ends(c *chain, heads map[string]head) {
	h, kept := heads[c.name]
	switch {
	case c.gone != nil && a.Since != nil: // its end is not known
	case !kept:
		a.found(Finding{Kind: HeadAltered, TerminalID: c.name, Number: c.number, Detail: "nothing is kept of where the chain ends"})
	case h.records > c.number:
		a.found(Finding{
			Kind: RecordMissing, TerminalID: c.name, Number: c.number + 1,
			Detail: fmt.Sprintf("the chain ends with record %d and should end with %d", c.number, h.records),
		})
	case h.records != c.number || h.hash != c.hash:
		a.found(Finding{
			Kind: HeadAltered, TerminalID: c.name, Number: c.number, SaleID: c.saleID,
			Detail: fmt.Sprintf("record %d is kept as the last one, and this is", h.records),
		})
	}
}

// readChain reads a chain's records, checks their numbers and links, and gives them to be checked on their own.
func (a *auditor) readChain(ctx context.Context, c *chain, blocks chan<- []*row) error {
	var (
		block []*row
		size  int
	)
	flush := func() error {
		if len(block) == 0 {
			return nil
		}
		select {
		case blocks <- block:
			block, size = nil, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	page := a.page(pageRecords)
	for read := page; read == page; {
		rows, err := a.tx.Query(ctx, recordsSQL, c.name, int64(c.number), page)
		if err != nil {
			return failed("audit.sale", err)
		}
		for read = 0; rows.Next(); read++ {
			r := &row{}
			if err := r.scan(rows); err != nil {
				rows.Close()
				return failed("audit.sale", err)
			}
			a.follows(c, r)
			a.touch(r)
			a.report.Records++
			a.progress(a.report.Records)
			block, size = append(block, r), size+len(r.Request)+len(r.answer)
			if len(block) == blockRecords || size >= blockBytes {
				if err := flush(); err != nil {
					rows.Close()
					return err
				}
			}
		}
		if err := rows.Err(); err != nil {
			return failed("audit.sale", err)
		}
		if err := a.rest(ctx); err != nil {
			return err
		}
	}
	return flush()
}

// touch notes whom a record that has come since the checkpoint concerns.
func (a *auditor) touch(r *row) {
	if a.Since == nil {
		return
	}
	if r.Facts.CustomerID != "" {
		a.touched[r.Facts.CustomerID] = true
	}
	if r.Facts.RefundOf != "" {
		a.refunded[r.Facts.RefundOf] = true
	}
}

// follows checks that a record comes after the one before it.
func (a *auditor) follows(c *chain, r *row) {
	f := &r.Facts
	switch {
	case f.RecordNumber <= c.number:
		a.found(Finding{Kind: RecordDoubled, TerminalID: c.name, Number: f.RecordNumber, SaleID: f.SaleID, Detail: "another record has the number too"})
	case f.RecordNumber > c.number+1:
		a.found(Finding{Kind: RecordMissing, TerminalID: c.name, Number: c.number + 1, Detail: missing(c.number+1, f.RecordNumber-1)})
	case f.PreviousHash != c.hash:
		a.found(Finding{
			Kind: RecordUnlinked, TerminalID: c.name, Number: c.number, SaleID: c.saleID, other: f.SaleID,
			Detail: fmt.Sprintf("record %d (sale %s) names another hash as the one before it", f.RecordNumber, f.SaleID),
		})
	}
	c.number, c.hash, c.saleID = f.RecordNumber, common.BytesToHash(r.SaleHash), f.SaleID
}

func missing(first, last uint64) string {
	if first == last {
		return "the record is missing"
	}
	return fmt.Sprintf("the records %d to %d are missing", first, last)
}

// kindOf is the finding of what is wrong with a row.
func kindOf(wrong error) Kind {
	switch {
	case errors.Is(wrong, intact.ErrPromise), errors.Is(wrong, intact.ErrUnsigned):
		return RecordForged
	case errors.Is(wrong, intact.ErrPoints):
		return PointsAltered
	}
	return RecordAltered
}

// check checks records each on its own.
func (a *auditor) check(block []*row) (findings []Finding) {
	of := make([]*intact.Row, len(block))
	for i, r := range block {
		of[i] = &r.Row
	}
	for i, wrong := range a.keys.CheckAll(of...) {
		r := block[i]
		found := func(kind Kind, detail string) {
			f := &r.Facts
			findings = append(findings, Finding{Kind: kind, TerminalID: f.TerminalID, Number: f.RecordNumber, SaleID: f.SaleID, Detail: detail})
		}
		switch {
		case wrong != nil:
			found(kindOf(wrong), wrong.Error()+r.hint())
		case !r.HasMinor(r.minor):
			found(RecordAltered, "total_minor, by which refunds are limited, is not its total")
		case r.CheckAnswer(r.answer) != nil:
			found(AnswerAltered, intact.ErrAnswer.Error())
		default:
			if differs := r.differs(); differs != "" {
				found(RequestDiffers, differs+" is not what the till sent")
			}
		}
	}
	return findings
}
