// Package lastgood keeps each currency's last live quote in JetStream's bucket RATES, so that a restart and every replica
// has it. A person reads it with `nats kv get RATES INR`, and its past with `nats kv history RATES INR`.
package lastgood

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
)

// Store is the bucket, one key for each currency code.
type Store struct {
	Bucket jetstream.KeyValue
	MaxAge time.Duration
}

const timeout = 5 * time.Second // for one look or one write: an answer lost with a connection never comes

// Load returns the last good quotes that still hold, as cached ones. An entry that can't be read is left out and told in the
// error, beside the others; a NATS that is away is Transient.
func (s Store) Load(ctx context.Context, currencies []money.Currency, now time.Time) (quote.Table, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	table := quote.Table{}
	var errs []error
	for _, c := range currencies {
		entry, err := s.Bucket.Get(ctx, c.Code())
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue
		}
		if err != nil {
			return table, fault.New(fault.Transient, "read the last good rate of %s: %w", c.Code(), err)
		}
		q, err := s.read(entry.Value(), c, now)
		if err != nil {
			errs = append(errs, fault.New(fault.Invalid, "the last good rate of %s, revision %d: %w", c.Code(), entry.Revision(), err))
			continue
		}
		if q.Holds(now) {
			table[c.Code()] = q
		}
	}
	return table, errors.Join(errs...)
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

// Keep writes a live quote. Of two replicas that write at once the later stands: both are good.
func (s Store) Keep(ctx context.Context, q quote.Quote) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	rate := q.Rate()
	data, err := json.Marshal(rate)
	if err != nil {
		return fault.New(fault.Fatal, "write the rate of %s: %w", rate.Currency, err)
	}
	if _, err := s.Bucket.Put(ctx, rate.Currency, data); err != nil {
		return fault.New(fault.Transient, "keep the rate of %s: %w", rate.Currency, err)
	}
	return nil
}
