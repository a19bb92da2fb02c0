package stream

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tillseal_"+name, help, labels, nil)
}

var (
	streamMessages = describe("stream_messages", "Messages in the stream, read ones included.", "stream")
	streamBytes    = describe("stream_bytes", "Bytes of the stream, read messages included.", "stream")
	streamMaxBytes = describe("stream_max_bytes", "Bytes at which the stream discards its oldest messages.", "stream")
	streamAlarm    = describe("stream_alarm", "1 while unread messages take 80 % or more of what the stream may hold in bytes or age.", "stream")
	unreadPercent  = describe("durable_unread_percent", "What the durable has not read, in percent of the stream's limit; at 100 the oldest is discarded.",
		"stream", "durable", "limit")
	pending       = describe("durable_pending", "Messages that were not delivered yet.", "stream", "durable")
	ackPending    = describe("durable_ack_pending", "Messages delivered and not acknowledged.", "stream", "durable")
	redelivered   = describe("durable_redelivered", "Messages delivered more than once and not acknowledged.", "stream", "durable")
	oldestSeconds = describe("durable_oldest_unread_seconds", "Age of the oldest message that is not acknowledged.", "stream", "durable")

	consumeHandled  = describe("consume_handled_total", "Messages that this replica handled and acknowledged.", "durable")
	consumeAgain    = describe("consume_again_total", "Messages that this replica gave back, to be delivered again after a pause.", "durable")
	consumeParked   = describe("consume_parked_total", "Messages that this replica parked in SALES_DLQ.", "durable")
	consumeReopened = describe("consume_reopened_total", "Times that this replica reopened its subscription, after silence, a deleted durable or a failure.",
		"durable")
	consumePaused = describe("consume_paused", "1 while this replica leaves messages in their stream because a dependency is unavailable.", "durable")
)

// Describe makes a Bus a prometheus.Collector; what it collects depends on what the service does with it.
func (b *Bus) Describe(chan<- *prometheus.Desc) {}

// Collect reports the state of the streams that this service reads or writes, and what its consumers did. Streams that could not be checked
// for some time are left out.
func (b *Bus) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value int64, labels ...string) {
		counted := float64(value) //nolint:forbidigo // Prometheus counts in floats; no money here
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, counted, labels...)
	}
	for _, s := range b.Standings(context.Background()) { // bounded by checkLimit
		gauge(streamMessages, int64(s.Messages), s.Stream)
		gauge(streamBytes, int64(s.Bytes), s.Stream)
		gauge(streamMaxBytes, s.MaxBytes, s.Stream)
		gauge(streamAlarm, flag(s.Alarming()), s.Stream)
		gauge(unreadPercent, s.BytesPercent, s.Stream, s.Durable, "bytes")
		gauge(unreadPercent, s.AgePercent, s.Stream, s.Durable, "age")
		gauge(pending, int64(s.Pending), s.Stream, s.Durable)
		gauge(ackPending, int64(s.AckPending), s.Stream, s.Durable)
		gauge(redelivered, int64(s.Redelivered), s.Stream, s.Durable)
		gauge(oldestSeconds, s.OldestUnreadSecond, s.Stream, s.Durable)
	}
	count := func(desc *prometheus.Desc, value uint64, durable string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), durable) //nolint:forbidigo // as above
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for durable, h := range b.health {
		count(consumeHandled, h.handled.Load(), durable)
		count(consumeAgain, h.again.Load(), durable)
		count(consumeParked, h.parked.Load(), durable)
		count(consumeReopened, h.reopened.Load(), durable)
		gauge(consumePaused, flag(h.paused.Load()), durable)
	}
}

func flag(on bool) int64 {
	if on {
		return 1
	}
	return 0
}
