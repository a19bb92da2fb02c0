// Package lastgood keeps each currency's last live quote in JetStream's bucket RATES, so that a restart and every replica
// has it. A person reads it with `nats kv get RATES INR`, and its past with `nats kv history RATES INR`. INR.agreed is the last that
// two sources made, which a source that is alone is held against.
package lastgood

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// Store is the bucket, two keys for each currency.
type Store struct {
	Bucket jetstream.KeyValue
	MaxAge time.Duration
	Remake func(context.Context) error // makes the bucket again once it is gone; nil to leave that
}

const timeout = 5 * time.Second // for one look or one write: an answer lost with a connection never comes

// agreed is the end of the key of the last quote that two sources made.
const agreed = ".agreed"

// Kept is what the bucket holds, as cached quotes that still hold.
type Kept struct {
	Last   quote.Table // the last good ones
	Agreed quote.Table // the last that two sources made
}

// Load returns what is kept. An entry that can't be read is left out and told in the error, beside the others; a NATS that is away
// is Transient.
func (s Store) Load(ctx context.Context, currencies []money.Currency, now time.Time) (Kept, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	kept := Kept{Last: quote.Table{}, Agreed: quote.Table{}}
	var errs []error
	for _, c := range currencies {
		for suffix, table := range map[string]quote.Table{"": kept.Last, agreed: kept.Agreed} {
			q, err := s.load(ctx, c, suffix, now)
			if fault.Is(err, fault.Transient) {
				return kept, err
			}
			errs = append(errs, err)
			if q.Holds(now) {
				table[c.Code()] = q
			}
		}
	}
	return kept, errors.Join(errs...)
}

func (s Store) load(ctx context.Context, c money.Currency, suffix string, now time.Time) (quote.Quote, error) {
	entry, err := s.Bucket.Get(ctx, c.Code()+suffix)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return quote.Quote{}, nil
	}
	if err != nil {
		return quote.Quote{}, fault.New(fault.Transient, "read the last good rate of %s: %w", c.Code(), err)
	}
	q, err := s.read(entry.Value(), c, now)
	if err != nil {
		return quote.Quote{}, fault.New(fault.Invalid, "the last good rate of %s, revision %d: %w", c.Code(), entry.Revision(), err)
	}
	return q, nil
}

func (s Store) read(data []byte, c money.Currency, now time.Time) (quote.Quote, error) {
	var rate event.Rate
	if err := json.Unmarshal(data, &rate); err != nil {
		return quote.Quote{}, fault.New(fault.Invalid, "it is no rate: %w", err)
	}
	if rate.Currency != c.Code() {
		return quote.Quote{}, fault.New(fault.Invalid, "it is the rate of another currency")
	}
	return quote.Restore(rate, s.MaxAge, now)
}

// Keep writes a live quote as the last good one. Of two replicas that write at once the later stands: both are good.
func (s Store) Keep(ctx context.Context, q quote.Quote) error { return s.keep(ctx, q, "") }

// KeepAgreed writes a live quote as the last that two sources made.
func (s Store) KeepAgreed(ctx context.Context, q quote.Quote) error { return s.keep(ctx, q, agreed) }

func (s Store) keep(ctx context.Context, q quote.Quote, suffix string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	rate := q.Rate()
	data, err := json.Marshal(rate)
	if err != nil {
		return fault.New(fault.Fatal, "write the rate of %s: %w", rate.Currency, err)
	}
	_, err = s.Bucket.Put(ctx, rate.Currency+suffix, data)
	if gone(err) && s.Remake != nil {
		if err = s.Remake(ctx); err == nil {
			_, err = s.Bucket.Put(ctx, rate.Currency+suffix, data) // a bucket is known by its name
		}
	}
	if err != nil {
		return fault.New(fault.Transient, "keep the rate of %s: %w", rate.Currency, err)
	}
	return nil
}

// gone reports whether an error says that there is no such bucket: nobody hears what is put into one that was deleted.
func gone(err error) bool {
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) ||
		errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound)
}
