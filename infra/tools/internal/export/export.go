package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tillseal/tillseal/shared/event"
)

// progressEvery is how often an export that takes longer says how far it is.
const progressEvery = time.Second

// exporter is one run.
type exporter struct {
	say    func(format string, values ...any) // a line to standard error
	tick   <-chan time.Time                   // when to say how far it is
	totals tally
	doubts int // warnings that were given
}

// warn says what is wrong with what is exported.
func (x *exporter) warn(format string, values ...any) {
	x.doubts++
	x.say("warning: "+format, values...)
}

// run exports what is asked for. After an error, or when ctx ends, no file is left.
func (x *exporter) run(ctx context.Context, req request, cfg Config, stdout io.Writer) error {
	out, err := newOutput(req.out, req.force, stdout)
	if err != nil {
		return err
	}
	defer out.drop()
	to, err := req.sink(out)
	if err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	snap, err := open(ctx, cfg.DBURL)
	if err != nil {
		return err
	}
	defer snap.close(ctx)
	if req.closing > 0 {
		err = x.closing(ctx, snap, req, to)
	} else {
		err = x.period(ctx, snap, req, to)
	}
	if err != nil {
		return err
	}
	if err := to.end(); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return out.keep()
}

func (r *request) sink(to io.Writer) (sink, error) {
	if r.format == formatJSONL {
		return newJSONLines(to), nil
	}
	return newSpreadsheet(to, tables[r.what])
}

// closing exports what a closing covers, and compares it with what the closing says.
func (x *exporter) closing(ctx context.Context, snap *snapshot, req request, to sink) error {
	kept, err := snap.closing(ctx, req.chain, req.closing)
	if errors.Is(err, errNoClosing) {
		return fmt.Errorf("-closing: %s has no closing %d", req.chain, req.closing)
	}
	if err != nil {
		return err
	}
	var said event.SalesClosed
	readable := json.Unmarshal(kept.body, &said) == nil
	chain := req.chain
	if said.RecordsOf != "" {
		chain = said.RecordsOf // an ended series, which was closed in the name of a later one
	}
	if err := x.chains(ctx, snap, []span{every(chain, kept.first, kept.last)}, to); err != nil {
		return err
	}
	if !readable {
		x.warn("closing %s/%d is not readable, so that nothing was compared with it: it was altered", req.chain, req.closing)
		return nil
	}
	name := fmt.Sprintf("%s/%d, records %d to %d", req.chain, req.closing, kept.first, kept.last)
	if is := fmt.Sprintf("%s, records %d to %d", said.Name(), said.FromNumber, said.ToNumber); is != name {
		x.warn("the closing is not what it is kept as: expected %s, found %s", name, is)
	}
	for _, d := range x.totals.differences(&said) {
		x.warn("closing %s/%d and its records differ in %v", req.chain, req.closing, d)
	}
	return nil
}

// period exports what a store's tills recorded in a period.
func (x *exporter) period(ctx context.Context, snap *snapshot, req request, to sink) error {
	spans, err := snap.spans(ctx, req.store, req.terminal, req.from, req.to)
	switch {
	case err != nil:
		return err
	case len(spans) == 0 && req.terminal != "":
		return fmt.Errorf("-terminal: store %s has no terminal %s", req.store, req.terminal)
	case len(spans) == 0:
		return fmt.Errorf("-store: there is no store %s with a terminal", req.store)
	}
	return x.chains(ctx, snap, spans, to)
}

// chains exports spans, one after the other.
func (x *exporter) chains(ctx context.Context, snap *snapshot, spans []span, to sink) error {
	var all int64
	for _, of := range spans {
		all += of.records
	}
	for _, of := range spans {
		c := chain{exporter: x, span: of, next: of.first}
		err := snap.each(ctx, of, func(r *row) error {
			select {
			case <-x.tick:
				x.say("%d of %d records", x.totals.records, all)
			default:
			}
			return c.write(r, to)
		})
		if err != nil {
			return err
		}
		c.missing(of.last + 1)
	}
	return nil
}

// chain is one span on its way.
type chain struct {
	*exporter
	span

	next int64  // the number that is expected
	hash string // sale_hash of the record before it; "" for the first
}

// write exports one record, after it was checked.
func (c *chain) write(r *row, to sink) error {
	rec, doubts := r.read()
	number := int64(rec.RecordNumber)
	for _, doubt := range doubts {
		c.warn("record %d of %s, sale_id %s, %v", number, rec.TerminalID, rec.SaleID, doubt)
	}
	c.missing(number)
	if previous := r.facts.PreviousHash.Hex(); number == c.next && c.hash != "" && previous != c.hash {
		c.warn("record %d of %s, sale_id %s, names another record before it than record %d: expected previous_hash %s, found %s",
			number, rec.TerminalID, rec.SaleID, number-1, c.hash, previous)
	}
	c.next, c.hash = number+1, strings.ToLower(rec.SaleHash)
	c.totals.add(&rec)
	if err := to.write(&rec); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}

// missing warns of numbers of a closing that no record has, from the one that is expected to the one before number.
func (c *chain) missing(number int64) {
	if c.whole && number > c.next {
		c.warn("records %d to %d of %s are missing", c.next, number-1, c.chain)
	}
}
