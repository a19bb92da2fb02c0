package stream

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Metadata of ours on streams and durables, beside the thresholds of jsm.go's monitor package (io.nats.monitor.*), by which
// `nats server check stream` judges a stream and `nats audit analyze` both.
const (
	metaSchema  = "tillseal.schema" // version of the description; a program leaves alone what was described by a later one
	metaPeak    = "tillseal.peak-sales-per-second"
	metaWriters = "tillseal.written-by"
	metaReader  = "tillseal.read-by"

	schemaVersion = 1

	monitorEnabled      = "io.nats.monitor.enabled"
	monitorPeers        = "io.nats.monitor.peer-expect"
	monitorPeerLag      = "io.nats.monitor.peer-lag-critical"
	monitorPeerSeen     = "io.nats.monitor.peer-seen-critical"
	monitorSubjectsWarn = "io.nats.monitor.subjects-warn"
	monitorSubjectsCrit = "io.nats.monitor.subjects-critical"
	monitorAckPending   = "io.nats.monitor.outstanding-ack-critical"
	monitorWaiting      = "io.nats.monitor.waiting-critical"
	monitorUnprocessed  = "io.nats.monitor.unprocessed-critical"
	monitorRedelivery   = "io.nats.monitor.redelivery-critical"
)

// Thresholds for operators. Times since the last delivery or acknowledgement have none: a closed shop is silent.
const (
	alarmPercent      = 80
	peerLagCritical   = 5000 // operations that a replica of a stream is behind; seconds at the largest rates
	peerSeenCritical  = "15s"
	waitingCritical   = 400  // pulls that wait on a durable, of the server's 512: subscriptions are leaking
	redeliverCritical = 1024 // messages being redelivered: a handler's largest batch
)

// Topology is one stream with its durables, as configurations that the nats command accepts too.
type Topology struct {
	Stream   jetstream.StreamConfig
	Durables []jetstream.ConsumerConfig
}

// Topologies describes all streams at a peak rate in sales a second, with the given number of replicas.
func Topologies(peak, replicas int) []Topology {
	all := make([]Topology, 0, len(specs))
	for _, s := range specs {
		t := Topology{Stream: streamConfig(s, peak, replicas)}
		for _, d := range s.durables {
			t.Durables = append(t.Durables, consumerConfig(d.name, peak))
		}
		all = append(all, t)
	}
	return all
}

// streamConfig is a stream's whole configuration. AllowDirect stays off: a direct get answers with the bare message on any subject that the
// caller names, whatever its rights. STREAM.MSG.GET answers with JSON around it, which no service takes for a request.
func streamConfig(s spec, peak, replicas int) jetstream.StreamConfig {
	if s.isBucket() {
		return bucketConfig(s, replicas)
	}
	meta := map[string]string{
		metaSchema: strconv.Itoa(schemaVersion), metaPeak: strconv.Itoa(peak), metaWriters: strings.Join(s.writers, ","), monitorEnabled: "true",
	}
	if s.byStore {
		meta[monitorSubjectsWarn], meta[monitorSubjectsCrit] = strconv.Itoa(manyStores*alarmPercent/100), strconv.Itoa(manyStores)
	}
	if replicas > 1 {
		meta[monitorPeers], meta[monitorPeerLag], meta[monitorPeerSeen] = strconv.Itoa(replicas), strconv.Itoa(peerLagCritical), peerSeenCritical
	}
	return jetstream.StreamConfig{
		Name: s.name, Subjects: s.subjects, Description: fmt.Sprintf("Tillseal. %s. Sized for %d sales a second", s.holds, peak),
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxConsumers: -1, MaxMsgs: -1, MaxMsgsPerSubject: -1, MaxMsgSize: -1, MaxAge: maxAge,
		MaxBytes: max(s.messagesIn(s.hold(), peak)*s.msgBytes, floorBytes), Duplicates: dedupeWindow, Replicas: replicas,
		Metadata: meta,
	}
}

// consumerConfig is a durable's whole configuration; its replicas are its stream's.
func consumerConfig(name string, peak int) jetstream.ConsumerConfig {
	s, d := ofDurable(name)
	return jetstream.ConsumerConfig{
		Durable: name, Description: fmt.Sprintf("Tillseal. Service %s %s", d.service, d.does),
		DeliverPolicy: jetstream.DeliverAllPolicy, AckPolicy: jetstream.AckExplicitPolicy, ReplayPolicy: jetstream.ReplayInstantPolicy,
		AckWait: ackWait, MaxDeliver: -1, MaxAckPending: maxAckPending,
		Metadata: map[string]string{
			metaSchema: strconv.Itoa(schemaVersion), metaReader: d.service, monitorEnabled: "true",
			monitorAckPending:  strconv.Itoa(maxAckPending * alarmPercent / 100),
			monitorWaiting:     strconv.Itoa(waitingCritical),
			monitorUnprocessed: strconv.FormatInt(max(s.messagesIn(lagAtPeak, peak), redeliverCritical), 10),
			monitorRedelivery:  strconv.Itoa(redeliverCritical),
		},
	}
}

// bucketConfig is a bucket's, which is a stream (NATS ADR-8). Values do not expire: whoever reads one checks its time.
func bucketConfig(s spec, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: s.name, Subjects: s.subjects, Description: "Tillseal. " + s.holds,
		Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
		MaxConsumers: -1, MaxMsgs: -1, MaxMsgsPerSubject: rateHistory, MaxMsgSize: maxRateBytes, MaxBytes: floorBytes,
		Duplicates: dedupeWindow, Replicas: replicas, AllowRollup: true, DenyDelete: true,
		Metadata: map[string]string{metaSchema: strconv.Itoa(schemaVersion), metaWriters: strings.Join(s.writers, ","), monitorEnabled: "true"},
	}
}

// newer reports whether a stream or a durable was described by a later version of this program.
func newer(meta map[string]string) bool {
	version, err := strconv.Atoi(meta[metaSchema])
	return err == nil && version > schemaVersion
}

// ownMonitor are the thresholds that are ours; operators may add others.
var ownMonitor = []string{
	monitorEnabled, monitorPeers, monitorPeerLag, monitorPeerSeen, monitorSubjectsWarn, monitorSubjectsCrit,
	monitorAckPending, monitorWaiting, monitorUnprocessed, monitorRedelivery,
}

// withOurs is the present metadata with ours in place of any older of ours; what operators or the server added stays.
func withOurs(have, ours map[string]string) map[string]string {
	merged := make(map[string]string, len(have)+len(ours))
	for key, value := range have {
		if !strings.HasPrefix(key, "tillseal.") && !slices.Contains(ownMonitor, key) {
			merged[key] = value
		}
	}
	maps.Copy(merged, ours)
	return merged
}
