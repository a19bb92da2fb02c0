// Package lastgood keeps each currency's last live quote in JetStream's bucket RATES, for a restart and for every replica. A person reads it
// with `nats kv get RATES INR`, and its history with `nats kv history RATES INR`. INR.agreed is the last from two sources, with which a single
// source is compared.
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
	Bucket   jetstream.KeyValue
	MaxAge   time.Duration
	Recreate func(context.Context) error // recreates the bucket once it is gone; nil: it is not recreated
}

const timeout = 5 * time.Second // for one read or one write: an answer lost with a connection never comes

// agreed is the suffix of the key of the last quote from two sources.
const agreed = ".agreed"

// Kept is what the bucket holds, as cached quotes that still hold.
type Kept struct {
	Last   quote.Table // the last good ones
	Agreed quote.Table // the last from two sources
}

// Load returns what is kept. An entry that can't be read is left out and joined to the error; an unavailable NATS is Transient.
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
		return quote.Quote{}, fault.New(fault.Invalid, "it is not a rate: %w", err)
	}
	if rate.Currency != c.Code() {
		return quote.Quote{}, fault.New(fault.Invalid, "it is the rate of another currency")
	}
	return quote.Restore(rate, s.MaxAge, now)
}

// Keep writes a live quote as the last good one. When two replicas write at once the later one remains: both are good.
func (s Store) Keep(ctx context.Context, q quote.Quote) error { return s.keep(ctx, q, "") }

// KeepAgreed writes a live quote as the last from two sources.
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
	if gone(err) && s.Recreate != nil {
		if err = s.Recreate(ctx); err == nil {
			_, err = s.Bucket.Put(ctx, rate.Currency+suffix, data) // the handle works again: a bucket is addressed by its name
		}
	}
	if err != nil {
		return fault.New(fault.Transient, "keep the rate of %s: %w", rate.Currency, err)
	}
	return nil
}

// gone reports whether an error means that the bucket does not exist: a put into a deleted one has no responder.
func gone(err error) bool {
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) ||
		errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrBucketNotFound)
}
