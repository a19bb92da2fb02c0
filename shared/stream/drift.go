package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/fault"
)

// keeper is the service that creates the streams and keeps them and the durables as described here. The others wait for it, so that no other
// identity needs the right to create or change a stream: whoever has it can have every message of the account republished.
const keeper = "ledger"

func (b *Bus) keeps() bool { return b.service == keeper }

// makes reports whether this service creates what is missing. On a NATS without identities, which is for tests and trials of one service,
// whichever comes first does.
func (b *Bus) makes() bool { return b.keeps() || !b.identified }

const (
	maxFieldBytes  = 200 // of a value in a log line
	defaultWaiting = 512 // pulls that may wait on a durable unless configured (nats-server, JSWaitQueueDefaultMax)
)

// Field is one setting that is not as described.
type Field struct{ Name, Is, Must string }

func (f Field) String() string { return fmt.Sprintf("%s is %s and must be %s", f.Name, f.Is, f.Must) }

// Drift is how a stream or a durable differed from its description here.
type Drift struct {
	Stream   string
	Durable  string // empty for the stream itself
	Fields   []Field
	Restored bool
	Why      error // why it was not restored
}

// What lists the fields in one line.
func (d Drift) What() string {
	all := make([]string, len(d.Fields))
	for i, f := range d.Fields {
		all[i] = f.String()
	}
	return strings.Join(all, ", ")
}

var errNewer = errors.New("it was described by a later version")

// Restore compares every stream and durable that exists with its description, as Ensure does, and restores what differs. A durable that NATS
// can't change back is recreated; it then reads its stream from the beginning, which changes nothing, since handlers are idempotent. For a
// stream that NATS can't change back, Why has the command that helps. A stream that is gone is recreated. Errors are about what could not be
// inspected.
func (b *Bus) Restore(ctx context.Context) (drifts []Drift, err error) {
	var errs []error
	each := func(what string, restore func(context.Context) (*Drift, error)) {
		attempt, cancel := context.WithTimeout(ctx, attemptLimit)
		defer cancel()
		drift, err := restore(attempt)
		if err != nil {
			errs = append(errs, fault.New(fault.Transient, "inspect the configuration of %s: %w", what, err))
		}
		if drift != nil {
			drifts = append(drifts, *drift)
		}
	}
	for _, s := range specs {
		each(s.name, func(ctx context.Context) (*Drift, error) { return b.restoreStream(ctx, s) })
		for _, d := range s.durables {
			each(d.name, func(ctx context.Context) (*Drift, error) { return b.restoreDurable(ctx, s, d.name) })
		}
	}
	return drifts, errors.Join(errs...)
}

func (b *Bus) restoreStream(ctx context.Context, s spec) (*Drift, error) {
	found, err := b.JS.Stream(ctx, s.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, b.recreateStream(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	have := found.CachedInfo().Config
	next, fields := streamDrift(have, streamConfig(s, b.peak, b.replicas))
	if len(fields) == 0 {
		return nil, nil //nolint:nilnil // as described
	}
	drift := &Drift{Stream: s.name, Fields: fields}
	switch stuck := stuckFields(have, next); {
	case newer(have.Metadata):
		drift.Why = errNewer
		return drift, nil
	case len(stuck) > 0:
		next = keepStuck(have, next)
		drift.Why = fmt.Errorf("NATS can't change %s: let its readers finish and remove it (nats stream rm %s); it is recreated, and unread "+
			"messages are published again from Postgres", strings.Join(stuck, ", "), s.name)
	}
	if !sameConfig(have, next) {
		if _, err := b.JS.UpdateStream(ctx, next); err != nil {
			drift.Why = errors.Join(drift.Why, err)
		}
	}
	drift.Restored = drift.Why == nil
	return drift, nil
}

func (b *Bus) restoreDurable(ctx context.Context, s spec, name string) (*Drift, error) {
	want := consumerConfig(name, b.peak)
	drift := &Drift{Stream: s.name, Durable: name}
	found, err := b.JS.Consumer(ctx, s.name, name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrConsumerNotFound):
		return nil, nil //nolint:nilnil // its service creates it
	case errors.Is(err, jetstream.ErrNotPullConsumer):
		drift.Fields = []Field{{"deliver_subject", "set", "unset"}}
		drift.Why = b.recreate(ctx, s, want)
	case err != nil:
		return nil, err
	default:
		have := found.CachedInfo().Config
		next, fields := consumerDrift(have, want)
		if drift.Fields = fields; len(fields) == 0 {
			return nil, nil //nolint:nilnil // as described
		}
		if newer(have.Metadata) {
			drift.Why = errNewer
		} else {
			_, drift.Why = b.change(ctx, s, have, next)
		}
	}
	drift.Restored = drift.Why == nil
	return drift, nil
}

// change gives a durable another configuration, by recreating it where NATS can't change the present one.
func (b *Bus) change(ctx context.Context, s spec, have, next jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	if len(recreateFields(have, next)) > 0 {
		if err := b.JS.DeleteConsumer(ctx, s.name, next.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, err
		}
	}
	return b.JS.CreateOrUpdateConsumer(ctx, s.name, next)
}

func (b *Bus) recreate(ctx context.Context, s spec, want jetstream.ConsumerConfig) error {
	if err := b.JS.DeleteConsumer(ctx, s.name, want.Durable); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return err
	}
	_, err := b.JS.CreateOrUpdateConsumer(ctx, s.name, want)
	return err
}

// streamDrift is the configuration that a stream must have, and the fields that differ from it. Operators may set its placement and
// compression, whether deletes and purges are denied, and metadata of their own; all else is ours, fields of a later NATS included: a stream
// that republishes, for example, would send its events to whoever listens there.
func streamDrift(have, want jetstream.StreamConfig) (next jetstream.StreamConfig, differ []Field) {
	next = want
	next.Placement, next.Compression, next.DenyDelete, next.DenyPurge = have.Placement, have.Compression, have.DenyDelete, have.DenyPurge
	next.FirstSeq = have.FirstSeq // only matters at its creation
	next.Metadata = withOurs(have.Metadata, want.Metadata)
	return next, differences(have, next)
}

// stuckFields names the fields that differ and that no update changes (nats-server, configUpdateCheck).
func stuckFields(have, next jetstream.StreamConfig) (names []string) {
	queue := have.Retention == jetstream.WorkQueuePolicy || next.Retention == jetstream.WorkQueuePolicy
	for name, stuck := range map[string]bool{
		"storage": have.Storage != next.Storage, "retention": queue && have.Retention != next.Retention, "mirror": have.Mirror != nil,
		"sealed": have.Sealed, "allow_msg_counter": have.AllowMsgCounter, "allow_msg_ttl": have.AllowMsgTTL,
		"allow_msg_schedules": have.AllowMsgSchedules, "persist_mode": have.PersistMode != next.PersistMode,
	} {
		if stuck {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// keepStuck leaves those fields as they are, so that the others can be restored.
func keepStuck(have, next jetstream.StreamConfig) jetstream.StreamConfig {
	if have.Sealed || have.Mirror != nil {
		return have // NATS changes nothing about these
	}
	next.Storage, next.AllowMsgCounter, next.AllowMsgTTL = have.Storage, have.AllowMsgCounter, have.AllowMsgTTL
	next.AllowMsgSchedules, next.PersistMode = have.AllowMsgSchedules, have.PersistMode
	if have.Retention == jetstream.WorkQueuePolicy {
		next.Retention = have.Retention
	}
	return next
}

// consumerDrift is the same for a durable, of which operators may pause the deliveries, sample acknowledgements, and set metadata.
func consumerDrift(have, want jetstream.ConsumerConfig) (next jetstream.ConsumerConfig, differ []Field) {
	next = want
	next.Name, next.PauseUntil, next.SampleFrequency = have.Name, have.PauseUntil, have.SampleFrequency
	next.MaxWaiting = defaultWaiting
	next.Metadata = withOurs(have.Metadata, want.Metadata)
	return next, differences(have, next)
}

// recreateFields names the fields that differ and that no update changes (nats-server, checkNewConsumerConfig).
func recreateFields(have, next jetstream.ConsumerConfig) (names []string) {
	for _, f := range differences(have, next) {
		switch f.Name {
		case "deliver_policy", "opt_start_seq", "opt_start_time", "ack_policy", "replay_policy", "mem_storage", "max_waiting",
			"priority_policy", "priority_groups", "deliver_subject", "deliver_group", "flow_control", "idle_heartbeat":
			names = append(names, f.Name)
		}
	}
	return names
}

// differences compares two configurations field by field, under their JSON names. Absent and an empty list are the same.
func differences(have, must any) (differ []Field) {
	is, want := reflect.ValueOf(have), reflect.ValueOf(must)
	for i := range is.NumField() {
		field := is.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		a, b := is.Field(i), want.Field(i)
		if reflect.DeepEqual(a.Interface(), b.Interface()) || isEmpty(a) && isEmpty(b) {
			continue
		}
		differ = append(differ, Field{Name: name, Is: shown(a), Must: shown(b)})
	}
	return differ
}

func sameConfig(have, must any) bool { return len(differences(have, must)) == 0 }

func isEmpty(v reflect.Value) bool {
	return (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0
}

// shown is a value as configurations write it.
func shown(v reflect.Value) string {
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return "unknown"
	}
	if plain := strings.Trim(string(text), `"`); plain != "" {
		return cut(plain, maxFieldBytes)
	}
	return "empty"
}
