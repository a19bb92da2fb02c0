package closer

import (
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/sale"
)

// page is what one read found.
type page struct {
	records []store.ChainRecord
	err     error
}

// sum adds up a range. The next page is read while one is added up.
func (c *Closer) sum(ctx context.Context, in closing.Range, before store.Before) (*closing.Sums, error) {
	ctx, cancel := context.WithCancel(ctx)
	pages := make(chan page)
	go func() {
		defer close(pages)
		c.read(ctx, in, pages)
	}()
	defer func() {
		cancel()
		for range pages { // until the reader has ended
		}
	}()
	sums := closing.New(in)
	for p := range pages {
		if p.err != nil {
			return nil, p.err
		}
		for i := range p.records {
			if err := sums.Add(&p.records[i].Record); err != nil {
				return nil, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return sums, c.lookUp(ctx, sums, before)
}

// read sends the range's records page by page, each intact, and ends early where one is missing.
func (c *Closer) read(ctx context.Context, in closing.Range, pages chan<- page) {
	var previous *store.ChainRecord
	for next := in.From; next <= in.To; {
		records, err := ask(ctx, func() ([]store.ChainRecord, error) { return c.Store.Records(ctx, in.Chain(), next, in.To) })
		if err == nil {
			err = linked(previous, records)
		}
		if n := len(records); err == nil && n > 0 && records[n-1].Number == in.To {
			err = c.signed(ctx, in.Chain(), &records[n-1])
		}
		select {
		case pages <- page{records, err}:
		case <-ctx.Done():
			return
		}
		if err != nil || len(records) == 0 {
			return
		}
		previous = &records[len(records)-1]
		next = previous.Number + 1
	}
}

// linked refuses records of which one is not what was hashed, or not the one that the next names. An error is Fatal.
func linked(previous *store.ChainRecord, records []store.ChainRecord) error {
	for i := range records {
		r := &records[i]
		switch {
		case !sale.Intact(r.Row.Facts, r.Row.Request, r.Row.Salt, r.Row.SaleHash):
			return fault.New(fault.Fatal, "record %d, sale %s: %w", r.Number, r.Row.Facts.SaleID, intact.ErrHash)
		case previous != nil && previous.Number+1 == r.Number && r.Row.Facts.PreviousHash != previous.Hash:
			return fault.New(fault.Fatal, "record %d, sale %s: it is not the one that the record after it names", previous.Number, previous.Row.Facts.SaleID)
		}
		if err := r.Row.CheckPoints(); err != nil {
			return fault.New(fault.Fatal, "record %d, sale %s: %w", r.Number, r.Row.Facts.SaleID, err)
		}
		previous = r
	}
	return nil
}

// signed refuses the range's last record when its promise is not one over its hash, in which those of all records before it are. The error of an
// altered one is Fatal.
func (c *Closer) signed(ctx context.Context, chain string, last *store.ChainRecord) error {
	row, err := ask(ctx, func() (*store.Row, error) { return c.Store.RowOfChain(ctx, chain, last.Number) })
	if err != nil {
		return err
	}
	if row == nil || common.BytesToHash(row.SaleHash) != last.Hash {
		return fault.New(fault.Fatal, "record %d of %s was changed while it was read", last.Number, chain)
	}
	checked, err := c.Wire.Check(ctx, row)
	if err != nil {
		return err
	}
	if wrong := checked.Of(row); wrong != nil {
		return fault.New(fault.Fatal, "record %d, sale %s: %w", last.Number, row.Facts.SaleID, wrong)
	}
	return nil
}

// lookUp finds out which of the till's numbers that the range does not have came before it.
func (c *Closer) lookUp(ctx context.Context, sums *closing.Sums, before store.Before) error {
	for from, to, more := sums.Unknown(); more; from, to, more = sums.Unknown() {
		var through int64
		seen, err := ask(ctx, func() (seqs []int64, err error) {
			seqs, through, err = c.Store.Seqs(ctx, before, from, to)
			return seqs, err
		})
		if err != nil {
			return err
		}
		sums.Seen(seen, through)
	}
	return nil
}
