package closer

import (
	"context"

	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/closing"
)

// page is what one read found.
type page struct {
	records []closing.Record
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
			if err := sums.Add(&p.records[i]); err != nil {
				return nil, err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return sums, c.lookUp(ctx, sums, before)
}

// read sends the range's records page by page, and ends early where one is missing.
func (c *Closer) read(ctx context.Context, in closing.Range, pages chan<- page) {
	for next := in.From; next <= in.To; {
		records, err := ask(ctx, func() ([]closing.Record, error) { return c.Store.Records(ctx, in.Chain(), next, in.To) })
		select {
		case pages <- page{records, err}:
		case <-ctx.Done():
			return
		}
		if err != nil || len(records) == 0 {
			return
		}
		next = records[len(records)-1].Number + 1
	}
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
