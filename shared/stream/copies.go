package stream

import (
	"context"
	"fmt"
	"reflect"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/fault"
)

// Where infra/nats/nats.conf lets account DOWNSTREAM fill its copies from the services' account: JetStream's interface there, and
// where its messages arrive.
const (
	copyAPI     = "tillseal.api"
	copyDeliver = "tillseal.copy"
)

// copyConfig is the copy of a stream for downstream systems, under the same name in an account of their own. It is filled by a
// source, not as a mirror: a source notices that its origin was recreated and starts over with it, where a mirror would wait until the
// origin has passed the mirror's last sequence.
func copyConfig(s spec, peak, replicas int) jetstream.StreamConfig {
	cfg := streamConfig(s, peak, replicas)
	cfg.Description = fmt.Sprintf("Tillseal. A copy for downstream systems. %s", s.holds)
	cfg.Subjects, cfg.DenyDelete, cfg.DenyPurge = nil, true, true
	cfg.AllowDirect = true // nothing in that account obeys a message
	cfg.Sources = []*jetstream.StreamSource{{Name: s.name, External: &jetstream.ExternalStream{APIPrefix: copyAPI, DeliverPrefix: copyDeliver}}}
	cfg.Metadata = map[string]string{metaSchema: cfg.Metadata[metaSchema], metaPeak: cfg.Metadata[metaPeak]}
	return cfg
}

// EnsureCopies creates or updates the copies of the sale events' streams in the account of this bus, DOWNSTREAM, trying until it
// succeeds or ctx ends, which is not an error. A store without room for them is Invalid. Their origins need not exist yet.
func (b *Bus) EnsureCopies(ctx context.Context) error {
	return b.retry(ctx, "create the copies for downstream", func(ctx context.Context) error {
		for _, s := range specs {
			if !s.byStore {
				continue // the states of batches and what is parked are for operators
			}
			if err := b.ensureCopy(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *Bus) ensureCopy(ctx context.Context, s spec) error {
	want := copyConfig(s, b.peak, b.replicas)
	found, err := b.JS.Stream(ctx, s.name)
	if err == nil {
		have := found.CachedInfo().Config
		if newer(have.Metadata) {
			b.log.Warn("this copy was described by a later version and is left alone", "stream", s.name)
			return nil
		}
		if have.Mirror != nil || len(have.Sources) == 0 {
			return fault.New(fault.Invalid, "stream %s of account DOWNSTREAM is not a copy with a source: remove it and start again", s.name)
		}
		want.Metadata = withOurs(have.Metadata, want.Metadata)
		want.FirstSeq, want.ConsumerLimits = have.FirstSeq, have.ConsumerLimits
		if reflect.DeepEqual(have, want) {
			return nil
		}
	}
	_, err = b.JS.CreateOrUpdateStream(ctx, want)
	return b.refused(s, want, err)
}
