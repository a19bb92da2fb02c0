// Package stream is the services' only way to JetStream: every stream and durable is described here (infra/docs/CONTRACT.md, 6.1), with
// the one way to publish and the one loop that consumes.
package stream

import (
	"strings"
	"time"

	"github.com/tillseal/tillseal/shared/event"
)

// Names of the streams.
const (
	SalesRecorded = "SALES_RECORDED"
	SalesPriced   = "SALES_PRICED"
	SalesAnchored = "SALES_ANCHORED"
	SalesClosed   = "SALES_CLOSED"
	Batches       = "BATCHES"
	SalesDLQ      = "SALES_DLQ"
	Audit         = "AUDIT"
)

// Names of the durables.
const (
	DurablePricing       = "pricing"
	DurableAnchor        = "anchor"
	DurableLedger        = "ledger"
	DurableLedgerBatches = "ledger-batches"
	DurableLedgerParked  = "ledger-parked"
	DurableLedgerClosed  = "ledger-closed"
)

// BucketRates is the key-value bucket with each currency's last good rate (pricing).
const BucketRates = "RATES"

// Limits. Streams are transport, not truth: they hold what a service may miss while it is down, and Postgres the rest.
const (
	maxAge       = 7 * 24 * time.Hour
	holdAtPeak   = 6 * time.Hour   // how long a reader may be down at the peak rate before DiscardOld takes unread messages
	dedupeWindow = 2 * time.Minute // longer than a publisher's retries
	// ackWait is how soon what a killed service held is delivered again, within an anchor's takeover of ten seconds; a slow one reports what
	// it still holds.
	ackWait       = 5 * time.Second
	maxAckPending = 8192             // what one durable may have delivered and not acknowledged; several of the largest handler batches
	rateHistory   = 64               // rates kept of each currency, the most a bucket can: half an hour of polls for an operator
	maxRateBytes  = 8 << 10          // one rate with its sources
	floorBytes    = 8 << 20          // for peaks so small that a block of the file store would not fit
	lagAtPeak     = 10 * time.Minute // of unread messages at the peak rate, from which `nats audit analyze` complains
	manyStores    = 10_000           // subjects of a stream: each costs the server 143 bytes of memory, so far more are a mistake
)

// What is assumed of tills, and with them of closings: their number follows from the tills and not from what these sell.
const (
	tillsAtPeak    = 30 // for each sale a second of the peak: even then a till has no more than a sale every 30 seconds
	closingsPerDay = 3  // of one till: a closing for each shift

	findingsPerDay = 30 // for each sale a second of the peak: none are expected, and all that one audit keeps should fit
)

// spec is a stream as in infra/docs/CONTRACT.md, 6.1.
type spec struct {
	name     string
	holds    string // its description
	subjects []string
	msgBytes int64 // what a message takes in the store with its headers and index, measured on sales of a few lines
	share    int64 // messages for each 100 sales
	perDay   int64 // messages a day for each sale a second of the peak, where they come with the hour and not with sales
	byStore  bool  // one subject a store
	writers  []string
	durables []durableSpec
}

type durableSpec struct{ name, service, does string }

var specs = []spec{
	{
		SalesRecorded, "SaleRecorded: a committed sale, not priced yet",
		[]string{event.SubjectRecorded + ".*"},
		1400, 100, 0, true,
		[]string{"gateway", "ledger"},
		[]durableSpec{{DurablePricing, "pricing", "prices sales in wei"}},
	},
	{
		SalesPriced, "SalePriced: a sale with its amount in wei",
		[]string{event.SubjectPriced + ".*"},
		1700, 100, 0, true,
		[]string{"pricing"},
		[]durableSpec{{DurableAnchor, "anchor", "journals the leaves of sales"}},
	},
	{
		SalesAnchored, "SaleAnchored: a sale with its proof",
		[]string{event.SubjectAnchored + ".*"},
		2400, 100, 0, true,
		[]string{"anchor"},
		[]durableSpec{{DurableLedger, "ledger", "writes down what is anchored"}},
	},
	{
		SalesClosed, "SalesClosed: what a till's records came to from one closing to the next",
		[]string{event.SubjectClosed + ".*"},
		2600, 0, tillsAtPeak * closingsPerDay, true,
		[]string{"gateway", "ledger"},
		[]durableSpec{{DurableLedgerClosed, "ledger", "writes down which closings arrived"}},
	},
	{
		Batches, "The states of each batch",
		[]string{event.SubjectBatches + ".*"},
		900, 5, 0, false,
		[]string{"anchor"},
		[]durableSpec{{DurableLedgerBatches, "ledger", "writes down each batch's state"}},
	},
	{
		SalesDLQ, "Parked: messages that can't be worked on, with the reason",
		[]string{event.SubjectParked + ".*"},
		2200, 5, 0, false,
		[]string{"pricing", "anchor", "ledger"},
		[]durableSpec{{DurableLedgerParked, "ledger", "keeps parked messages for operators"}},
	},
	{
		Audit, "AuditFinding: what the ledger's audit found and is not as it should be",
		[]string{event.SubjectAudit + ".*"},
		1100, 0, findingsPerDay, false,
		[]string{"ledger"},
		nil,
	},
	{
		bucketPrefix + BucketRates, "The last good rate of each currency",
		[]string{"$KV." + BucketRates + ".>"},
		maxRateBytes, 0, 0, false,
		[]string{"pricing"},
		nil,
	},
}

// bucketPrefix begins the names of the streams that are key-value buckets (NATS ADR-8).
const bucketPrefix = "KV_"

func (s spec) isBucket() bool { return strings.HasPrefix(s.name, bucketPrefix) }

// hold is how long a reader may be down at the peak rate before DiscardOld takes unread messages.
func (s spec) hold() time.Duration {
	if s.perDay > 0 {
		return maxAge // it costs little
	}
	return holdAtPeak
}

// messagesIn is how many messages of a stream arrive in d at a peak rate in sales a second. Those of a day may come all at once: shops close at
// the same hour.
func (s spec) messagesIn(d time.Duration, peak int) int64 {
	const day = 24 * time.Hour
	if s.perDay > 0 {
		return int64(peak) * s.perDay * int64((d+day-1)/day)
	}
	return int64(peak) * int64(d/time.Second) * s.share / 100
}

// Names lists the streams, the bucket's among them.
func Names() []string {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.name
	}
	return names
}

// ofBucket finds a bucket's stream.
func ofBucket(name string) spec {
	for _, s := range specs {
		if s.name == bucketPrefix+name {
			return s
		}
	}
	panic("stream: no bucket is named " + name)
}

// ofDurable finds a durable with its stream.
func ofDurable(name string) (spec, durableSpec) {
	for _, s := range specs {
		for _, d := range s.durables {
			if d.name == name {
				return s, d
			}
		}
	}
	panic("stream: no durable is named " + name)
}
