package gateway

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/gateway/internal/api"
)

// metrics are the gateway's; no label holds a key or a customer. All are registered before the gateway waits for anything.
type metrics struct {
	requests  *prometheus.CounterVec
	items     *prometheus.CounterVec
	ended     *prometheus.CounterVec
	groupSize prometheus.Histogram
	groupTime prometheus.Histogram
	dropped   prometheus.Counter

	waiting, queue, breakerOpen, postgresAway, connections reading
}

// reading is what a gauge shows of a part of the gateway: 0 until that part exists.
type reading struct{ of atomic.Pointer[func() int] }

func (r *reading) from(read func() int) { r.of.Store(&read) }

func (r *reading) whether(is func() bool) {
	r.from(func() int {
		if is() {
			return 1
		}
		return 0
	})
}

func (r *reading) value() float64 { //nolint:forbidigo // Prometheus counts in floats; no money here
	if read := r.of.Load(); read != nil {
		return float64((*read)()) //nolint:forbidigo // as above
	}
	return 0
}

func newMetrics(registry *prometheus.Registry) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_gateway_requests_total", Help: "HTTP requests answered",
		}, []string{"route", "status"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_gateway_batch_records_total", Help: "Records of batches answered, by the status of each in its batch's answer",
		}, []string{"status"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_gateway_connections_not_kept_total", Help: "Connections refused, or closed to make room for others, because there were too many",
		}, []string{"what"}),
		groupSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tillseal_gateway_group_records", Help: "Records committed together", Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		groupTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tillseal_gateway_commit_seconds", Help: "Time from a group's first statement to its outcome", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 12),
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_gateway_publish_dropped_total", Help: "Committed sales left for the reconciler to publish",
		}),
	}
	for _, what := range api.Endings {
		m.ended.WithLabelValues(what)
	}
	for _, a := range api.Answers() { // an alarm on an increase needs the zero before
		m.requests.WithLabelValues(a.Route, strconv.Itoa(a.Status))
		if a.Route == "/record" {
			m.items.WithLabelValues(strconv.Itoa(a.Status))
		}
	}
	registry.MustRegister(m.requests, m.items, m.ended, m.groupSize, m.groupTime, m.dropped)
	for _, g := range []struct {
		name, help string
		of         *reading
	}{
		{"tillseal_gateway_waiting_records", "Records waiting for their commit", &m.waiting},
		{"tillseal_gateway_publish_queue", "Committed sales waiting for NATS", &m.queue},
		{"tillseal_gateway_redis_breaker_open", "1 while Redis is not used, because it failed repeatedly", &m.breakerOpen},
		{"tillseal_gateway_postgres_away", "1 while Postgres does not answer and records are refused at once", &m.postgresAway},
		{"tillseal_gateway_connections", "Open connections", &m.connections},
	} {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, g.of.value))
	}
	return m
}

func (m *metrics) request(route string, status int) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

func (m *metrics) item(status int) { m.items.WithLabelValues(strconv.Itoa(status)).Inc() }

func (m *metrics) end(what string) { m.ended.WithLabelValues(what).Inc() }

func (m *metrics) group(size int, took time.Duration) {
	m.groupSize.Observe(float64(size)) //nolint:forbidigo // Prometheus counts in floats; no money here
	m.groupTime.Observe(took.Seconds())
}
