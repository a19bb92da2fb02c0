package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/fault"
)

// Codes of the server's refusals that no waiting cures (nats-server, server/errors.json).
const (
	storageExceeded      jetstream.ErrorCode = 10047 // JSStorageResourcesExceededErr
	subjectsOverlap      jetstream.ErrorCode = 10065 // JSStreamSubjectOverlapErr
	replicasNotSupported jetstream.ErrorCode = 10074 // JSStreamReplicasNotSupportedErr
)

// Ensure creates every stream that is missing, or waits until the ledger, which keeps them, has done so; in the ledger it changes those
// that differ, too. It tries until it succeeds or ctx ends: then the error is ctx's. What waiting can't cure is
// Invalid and names the stream and the field or the variable: a store without the room, a stream that NATS can't change into
// ours, replicas without a cluster. What operators set beside our fields stays, and a stream that a later version described
// stays as it is.
func (b *Bus) Ensure(ctx context.Context) error {
	return b.retry(ctx, "create the streams", func(ctx context.Context) error {
		for _, s := range specs {
			if err := b.ensureStream(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

func (b *Bus) ensureStream(ctx context.Context, s spec) error {
	want := streamConfig(s, b.peak, b.replicas)
	found, err := b.JS.Stream(ctx, s.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if !b.makes() {
			return fmt.Errorf("stream %s is not there yet: the ledger makes it", s.name)
		}
		_, err = b.JS.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return fmt.Errorf("stream %s: another made it meanwhile", s.name) // and it is looked at anew
		}
		return b.refused(s, want, err)
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", s.name, err)
	}
	have := found.CachedInfo().Config
	if newer(have.Metadata) {
		b.log.Warn("a later version described this stream: it stays as it is", "stream", s.name)
		return nil
	}
	if field, is, must := streamConflict(have, want); field != "" {
		return fault.New(fault.Invalid, "stream %s has %s %s and must have %s, which NATS can't change: let its readers finish, remove it "+
			"(nats stream rm %s) and start again; what it held and nobody read is published again from Postgres", s.name, field, is, must, s.name)
	}
	next, differ := streamDrift(have, want)
	if len(differ) == 0 {
		return nil // in a cluster each update is a round of consensus
	}
	drift := Drift{Stream: s.name, Fields: differ}
	if !b.keeps() {
		b.log.Info("a stream is not as this service would make it: the ledger decides", "stream", s.name, "differs", drift.What())
		return nil
	}
	b.log.Info("a stream is changed", "stream", s.name, "differs", drift.What())
	_, err = b.JS.UpdateStream(ctx, keepStuck(have, next))
	return b.refused(s, want, err)
}

// remakeStream makes a stream that was there and is gone.
func (b *Bus) remakeStream(ctx context.Context, s spec) error {
	if b.makes() {
		b.log.Error("a stream is gone and is made anew; the sales in it that nobody read come again from Postgres", "stream", s.name)
	}
	return b.ensureStream(ctx, s)
}

// streamConflict names the first field of a stream that NATS can't change into ours, with both values.
func streamConflict(have, want jetstream.StreamConfig) (field, is, must string) {
	switch {
	case have.Storage != want.Storage:
		return "storage", word(have.Storage), word(want.Storage)
	case have.Retention == jetstream.WorkQueuePolicy:
		return "retention", word(have.Retention), word(want.Retention)
	case have.Mirror != nil:
		return "mirror", have.Mirror.Name, "none"
	case have.Sealed:
		return "sealed", "true", "false"
	case have.AllowMsgCounter:
		return "allow_msg_counter", "true", "false"
	}
	return "", "", ""
}

// word is a policy as it stands in configurations: String() says it otherwise.
func word(policy json.Marshaler) string {
	text, err := policy.MarshalJSON()
	if err != nil {
		return "unknown"
	}
	return strings.Trim(string(text), `"`)
}

// refused gives the server's refusal of a stream its kind.
func (b *Bus) refused(s spec, want jetstream.StreamConfig, err error) error {
	if err == nil {
		return nil
	}
	code := jetstream.ErrorCode(0)
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		code = api.ErrorCode
	}
	switch code { //nolint:exhaustive // all other codes may pass
	case storageExceeded:
		return fault.New(fault.Invalid, "PEAK_SALES_PER_SECOND is %d, for which NATS has no room to store stream %s (%d MB)", b.peak, s.name, want.MaxBytes>>20)
	case replicasNotSupported:
		return fault.New(fault.Invalid, "NATS_REPLICAS is %d, which stream %s can't have: NATS_URL leads to a server that is no cluster", b.replicas, s.name)
	case subjectsOverlap:
		return fault.New(fault.Invalid, "stream %s can't have its subjects %v: another stream takes some of them (nats stream ls --subject)", s.name, s.subjects)
	}
	return fmt.Errorf("stream %s: %w", s.name, err)
}

// ensureDurable creates or updates one durable, and its stream when that is gone.
func (b *Bus) ensureDurable(ctx context.Context, name string) (jetstream.Consumer, error) {
	s, _ := ofDurable(name)
	want := consumerConfig(name, b.peak)
	found, err := b.JS.Consumer(ctx, s.name, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		if err := b.remakeStream(ctx, s); err != nil {
			return nil, err
		}
		return b.JS.CreateOrUpdateConsumer(ctx, s.name, want)
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		return b.JS.CreateOrUpdateConsumer(ctx, s.name, want)
	case errors.Is(err, jetstream.ErrNotPullConsumer) && b.keeps():
		b.log.Error("ALARM: a durable was made that sends by itself, and is made anew", "stream", s.name, "durable", name)
		if err := b.remake(ctx, s, want); err != nil {
			return nil, err
		}
		return b.JS.Consumer(ctx, s.name, name)
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		return nil, durableConflict(s, name, Field{"deliver_subject", "set", "unset"})
	case err != nil:
		return nil, fmt.Errorf("durable %s: %w", name, err)
	}
	have := found.CachedInfo().Config
	if newer(have.Metadata) {
		b.log.Warn("a later version described this durable: it stays as it is", "stream", s.name, "durable", name)
		return found, nil
	}
	next, differ := consumerDrift(have, want)
	if len(differ) == 0 {
		return found, nil
	}
	if fixed := remakeFields(have, next); len(fixed) > 0 && !b.keeps() {
		return nil, durableConflict(s, name, differ...)
	}
	b.log.Warn("a durable is changed", "stream", s.name, "durable", name, "differs", Drift{Fields: differ}.What())
	return b.change(ctx, s, have, next)
}

// durableConflict is Transient: the ledger makes the durable anew.
func durableConflict(s spec, name string, differ ...Field) error {
	return fault.New(fault.Transient, "durable %s of stream %s can't be changed by its reader, and the ledger makes it anew: %s", name, s.name,
		Drift{Fields: differ}.What())
}
