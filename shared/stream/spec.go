// Package stream is the services' only way to JetStream: every stream and durable is described here (DESIGN section 6), with
// the one way to publish and the one loop that consumes.
package stream

import (
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tillseal/tillseal/shared/event"
)

// Names of the streams.
const (
	SalesRecorded = "SALES_RECORDED"
	SalesPriced   = "SALES_PRICED"
	SalesAnchored = "SALES_ANCHORED"
	Batches       = "BATCHES"
	SalesDLQ      = "SALES_DLQ"
)

// Names of the durables.
const (
	DurablePricing       = "pricing"
	DurableAnchor        = "anchor"
	DurableLedger        = "ledger"
	DurableLedgerBatches = "ledger-batches"
	DurableLedgerParked  = "ledger-parked"
)

// BucketRates is the key-value bucket with each currency's last good rate (pricing).
const BucketRates = "RATES"

// Limits. Streams are transport, not truth: they hold what a service may miss while it is away, and Postgres the rest.
const (
	maxAge        = 7 * 24 * time.Hour
	holdAtPeak    = 6 * time.Hour   // how long a reader may be away at the peak rate before DiscardOld bites
	dedupeWindow  = 2 * time.Minute // longer than a publisher's retries
	ackWait       = 5 * time.Second // how soon what a killed service held comes again, within an anchor's takeover of ten seconds; a slow one says that it is still at work
	maxAckPending = 8192            // what one durable may have under way; several of the largest handler batches
	rateHistory   = 64              // rates kept of each currency, the most a bucket can: half an hour of polls to look at
	maxRateBytes  = 8 << 10         // one rate with its sources
	floorBytes    = 8 << 20         // for rates so small that a block of the file store would not fit
)

type spec struct {
	name     string
	subjects []string
	msgBytes int64 // what a message takes in the store, headers and index with it, measured on sales of a few lines
	share    int64 // messages for each 100 sales
	readers  []string
}

var specs = []spec{
	{SalesRecorded, []string{event.SubjectRecorded + ".*"}, 1400, 100, []string{DurablePricing}},
	{SalesPriced, []string{event.SubjectPriced + ".*"}, 1700, 100, []string{DurableAnchor}},
	{SalesAnchored, []string{event.SubjectAnchored + ".*"}, 2400, 100, []string{DurableLedger}},
	{Batches, []string{event.SubjectBatches + ".*"}, 900, 5, []string{DurableLedgerBatches}},
	{SalesDLQ, []string{event.SubjectParked + ".*"}, 2200, 5, []string{DurableLedgerParked}},
}

// streamConfig is a stream's whole configuration at a peak rate in sales a second.
func streamConfig(s spec, peak int) jetstream.StreamConfig {
	bytes := int64(peak) * int64(holdAtPeak/time.Second) * s.msgBytes * s.share / 100
	return jetstream.StreamConfig{
		Name: s.name, Subjects: s.subjects, Description: fmt.Sprintf("Tillseal, sized for %d sales a second", peak),
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: maxAge, MaxBytes: max(bytes, floorBytes), Duplicates: dedupeWindow, Replicas: 1, AllowDirect: true,
	}
}

// consumerConfig is a durable's whole configuration.
func consumerConfig(name string) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: name, DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: ackWait, MaxDeliver: -1, MaxAckPending: maxAckPending,
	}
}

// bucketConfig is a bucket's whole configuration. Values are never too old to be there: who reads one looks at its time.
func bucketConfig(name string) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{
		Bucket: name, Description: "Tillseal, the last good rate of each currency", History: rateHistory, MaxValueSize: maxRateBytes,
		MaxBytes: floorBytes, Storage: jetstream.FileStorage, Replicas: 1,
	}
}

func streamOf(durable string) string {
	for _, s := range specs {
		if slices.Contains(s.readers, durable) {
			return s.name
		}
	}
	panic("stream: no durable is named " + durable)
}
