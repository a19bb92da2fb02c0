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

// Codes of the server's refusals that do not pass with time (nats-server, server/errors.json).
const (
	storageExceeded      jetstream.ErrorCode = 10047 // JSStorageResourcesExceededErr
	subjectsOverlap      jetstream.ErrorCode = 10065 // JSStreamSubjectOverlapErr
	replicasNotSupported jetstream.ErrorCode = 10074 // JSStreamReplicasNotSupportedErr
)

// Ensure creates every missing stream, or waits until the ledger, which keeps them, has done so; in the ledger it also changes those that
// differ. It tries until it succeeds or ctx ends: then the error is ctx's. What does not pass with time is Invalid and names the stream and
// the field or the variable: a store without the room, a stream that NATS can't change into ours, replicas without a cluster. What operators
// set beside our fields stays, and a stream that was described by a later version is left alone.
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
			return fmt.Errorf("stream %s does not exist yet: waiting for the ledger to create it", s.name)
		}
		_, err = b.JS.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return fmt.Errorf("stream %s was created by another process meanwhile", s.name) // the next try inspects it
		}
		return b.refused(s, want, err)
	}
	if err != nil {
		return fmt.Errorf("stream %s: %w", s.name, err)
	}
	have := found.CachedInfo().Config
	if newer(have.Metadata) {
		b.log.Warn("this stream was described by a later version and is left alone", "stream", s.name)
		return nil
	}
	if field, is, must := streamConflict(have, want); field != "" {
		return fault.New(fault.Invalid, "stream %s has %s %s and must have %s, which NATS can't change: let its readers finish, remove it "+
			"(nats stream rm %s) and start again; unread messages are published again from Postgres", s.name, field, is, must, s.name)
	}
	next, differ := streamDrift(have, want)
	if len(differ) == 0 {
		return nil // in a cluster each update is a round of consensus
	}
	drift := Drift{Stream: s.name, Fields: differ}
	if !b.keeps() {
		b.log.Info("a stream differs from this service's description: the ledger decides", "stream", s.name, "differs", drift.What())
		return nil
	}
	b.log.Info("a stream is being changed", "stream", s.name, "differs", drift.What())
	_, err = b.JS.UpdateStream(ctx, keepStuck(have, next))
	return b.refused(s, want, err)
}

// recreateStream creates a stream that existed before and is gone.
func (b *Bus) recreateStream(ctx context.Context, s spec) error {
	if b.makes() {
		b.log.Error("a stream is gone and is being recreated; unread sales in it are published again from Postgres", "stream", s.name)
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

// word is a policy as configurations write it: String() has other words.
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
	switch code { //nolint:exhaustive // all others may pass with time
	case storageExceeded:
		return fault.New(fault.Invalid, "PEAK_SALES_PER_SECOND is %d: NATS has no room for stream %s at that rate (%d MB)", b.peak, s.name, want.MaxBytes>>20)
	case replicasNotSupported:
		return fault.New(fault.Invalid, "NATS_REPLICAS is %d, but the server at NATS_URL is not in a cluster, so stream %s cannot have replicas", b.replicas, s.name)
	case subjectsOverlap:
		return fault.New(fault.Invalid, "stream %s can't have its subjects %v: another stream has some of them (nats stream ls --subject)", s.name, s.subjects)
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
		if err := b.recreateStream(ctx, s); err != nil {
			return nil, err
		}
		return b.JS.CreateOrUpdateConsumer(ctx, s.name, want)
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		return b.JS.CreateOrUpdateConsumer(ctx, s.name, want)
	case errors.Is(err, jetstream.ErrNotPullConsumer) && b.keeps():
		b.log.Error("ALARM: a durable was replaced by a push consumer and is recreated", "stream", s.name, "durable", name)
		if err := b.recreate(ctx, s, want); err != nil {
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
		b.log.Warn("this durable was described by a later version and is left alone", "stream", s.name, "durable", name)
		return found, nil
	}
	next, differ := consumerDrift(have, want)
	if len(differ) == 0 {
		return found, nil
	}
	if fixed := recreateFields(have, next); len(fixed) > 0 && !b.keeps() {
		return nil, durableConflict(s, name, differ...)
	}
	b.log.Warn("a durable is being changed", "stream", s.name, "durable", name, "differs", Drift{Fields: differ}.What())
	return b.change(ctx, s, have, next)
}

// durableConflict is Transient: the ledger recreates the durable.
func durableConflict(s spec, name string, differ ...Field) error {
	return fault.New(fault.Transient, "durable %s of stream %s can't be changed by its reader; waiting for the ledger to recreate it: %s", name, s.name,
		Drift{Fields: differ}.What())
}
