// Package pricer turns the deliveries of SaleRecorded into SalePriced, at the rates of a board.
package pricer

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

// Pricer works on the durable's deliveries.
type Pricer struct {
	board *quote.Board
	now   func() time.Time

	priced  *prometheus.CounterVec
	refused prometheus.Counter
}

// New makes a pricer and registers its metrics. now is the clock by which prices age.
func New(board *quote.Board, now func() time.Time, registry prometheus.Registerer) *Pricer {
	p := &Pricer{
		board: board, now: now,
		priced: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_pricing_priced_total", Help: "Sales priced, by the tier of their rate; none for totals of 0, which need no rate.",
		}, []string{"tier"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_pricing_refused_total",
			Help: "Deliveries that could not be priced: parked in SALES_DLQ, and counted again when parking failed and they were delivered again.",
		}),
	}
	for _, tier := range append(quote.Tiers[:], noTier) { // an alarm on an increase needs the zero before
		p.priced.WithLabelValues(string(tier))
	}
	registry.MustRegister(p.priced, p.refused)
	return p
}

// noTier is the metric's label of a total of zero.
const noTier quote.Tier = "none"

// Limits of one batch's concurrency: lanes let the server store one part while the next is being priced.
const (
	lanes       = 4
	minLaneSize = 32 // sales below which a lane is not worth its wait
)

// Handler prices a batch and is done once every SalePriced is published, so that a SaleRecorded is done only when its successor is stored.
// Refunds are priced like sales.
func (p *Pricer) Handler(bus *stream.Bus) stream.Handler {
	return func(ctx context.Context, batch []stream.Message) []error { return p.handle(ctx, bus, batch) }
}

func (p *Pricer) handle(ctx context.Context, bus *stream.Bus, batch []stream.Message) []error {
	errs := make([]error, len(batch))
	now := p.now()
	view := p.board.At(now)
	size := max(minLaneSize, (len(batch)+lanes-1)/lanes)
	var working sync.WaitGroup
	for from := 0; from < len(batch); from += size {
		to := min(from+size, len(batch))
		working.Go(func() { p.lane(ctx, bus, view, now, batch[from:to], errs[from:to]) })
	}
	working.Wait()
	return errs
}

// lane prices and publishes a part of a batch and notes the outcome of each.
func (p *Pricer) lane(ctx context.Context, bus *stream.Bus, view quote.View, now time.Time, batch []stream.Message, errs []error) {
	priced := make([]*nats.Msg, 0, len(batch))
	tiers := map[quote.Tier]int{}
	for i, msg := range batch {
		e, err := price(view, msg.Data)
		if err == nil {
			out := event.Priced(e, now, event.GenerationOf(msg.Header), event.TraceOf(msg.Header))
			if err = bus.Fits(out); err == nil { // it is longer than what was received
				priced = append(priced, out)
				tiers[tierOf(e)]++
				continue
			}
		}
		errs[i] = err
		p.refused.Inc()
	}
	if err := bus.PublishAll(ctx, priced); err != nil {
		for i := range errs {
			if errs[i] == nil {
				errs[i] = err
			}
		}
		return
	}
	for tier, sales := range tiers {
		p.priced.WithLabelValues(string(tier)).Add(float64(sales)) //nolint:forbidigo // Prometheus counts in floats; no money here
	}
}

// price reads a SaleRecorded and adds its price. Every error is Invalid, since none of them passes with time.
func price(view quote.View, data []byte) (event.SalePriced, error) {
	recorded, err := event.Decode[event.SaleRecorded](data)
	if err != nil {
		return event.SalePriced{}, err
	}
	if !sale.ValidSaleID(recorded.SaleID) {
		return event.SalePriced{}, fault.New(fault.Invalid, "sale_id is not a UUID in lower case")
	}
	if !sale.ValidPlaceID(recorded.StoreID) { // it becomes a token of the subject
		return event.SalePriced{}, fault.New(fault.Invalid, "store_id is not a valid id")
	}
	wei, q, err := Convert(view, recorded.Currency, recorded.Total)
	if err != nil {
		return event.SalePriced{}, err
	}
	priced := event.SalePriced{SaleRecorded: recorded, AmountWei: wei}
	if q != nil {
		priced.Rate = new(q.Rate())
	}
	return priced, nil
}

func tierOf(e event.SalePriced) quote.Tier {
	if e.Rate == nil {
		return noTier
	}
	return quote.Tier(e.Rate.Tier)
}

// Convert prices a total at the rates of view. A total of zero is worth 0 wei whatever the rates are, also when there is none: q is nil then.
// Every error is Invalid and names the member.
func Convert(view quote.View, code, text string) (wei string, q *quote.Quote, err error) {
	currency, err := money.ParseRecorded(code)
	if err != nil {
		return "", nil, fault.New(fault.Invalid, "currency: %w", err)
	}
	minor, err := currency.Parse(text)
	if err != nil {
		return "", nil, fault.New(fault.Invalid, "total %w", err)
	}
	if minor == 0 {
		return "0", nil, nil
	}
	total, err := money.ParseDecimal(text)
	if err != nil {
		return "", nil, fault.New(fault.Invalid, "total %w", err)
	}
	at, err := view.Quote(currency)
	if err != nil {
		return "", nil, err
	}
	return at.Wei(total).String(), &at, nil
}
