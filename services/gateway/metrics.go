package gateway

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/gateway/internal/api"
	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/publish"
	"github.com/tillseal/tillseal/services/gateway/internal/replay"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
)

// metrics are the gateway's; no label holds a key or a customer.
type metrics struct {
	requests  *prometheus.CounterVec
	items     *prometheus.CounterVec
	ended     *prometheus.CounterVec
	groupSize prometheus.Histogram
	groupTime prometheus.Histogram
	dropped   prometheus.Counter
}

func newMetrics(registry *prometheus.Registry) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_gateway_requests_total", Help: "HTTP requests answered",
		}, []string{"route", "status"}),
		items: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_gateway_batch_records_total", Help: "Records of batches answered, by the status that each got in its batch's answer",
		}, []string{"status"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_gateway_connections_not_kept_total", Help: "Connections refused, or given up for others, since there were too many",
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
	return m
}

func (m *metrics) request(route string, status int) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

func (m *metrics) item(status int) { m.items.WithLabelValues(strconv.Itoa(status)).Inc() }

func (m *metrics) end(what string) { m.ended.WithLabelValues(what).Inc() }

// watchDoor adds how many connections a server has.
func (m *metrics) watchDoor(registry *prometheus.Registry, server *api.Server) {
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tillseal_gateway_connections", Help: "Connections that are open",
	}, func() float64 { return float64(server.Connections()) })) //nolint:forbidigo // Prometheus counts in floats; no money here
}

func (m *metrics) group(size int, took time.Duration) {
	m.groupSize.Observe(float64(size)) //nolint:forbidigo // Prometheus counts in floats; no money here
	m.groupTime.Observe(took.Seconds())
}

// watch adds what is read when it is asked for.
func (m *metrics) watch(registry *prometheus.Registry, committer *commit.Committer, publisher *publish.Publisher, cache *replay.Cache,
	db *store.Store,
) {
	gauge := func(name, help string, read func() int) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { //nolint:forbidigo // as above
			return float64(read()) //nolint:forbidigo // as above
		}))
	}
	gauge("tillseal_gateway_waiting_records", "Records waiting for their commit", committer.Waiting)
	gauge("tillseal_gateway_publish_queue", "Committed sales waiting for NATS", publisher.Waiting)
	whether := func(is func() bool) func() int {
		return func() int {
			if is() {
				return 1
			}
			return 0
		}
	}
	gauge("tillseal_gateway_redis_breaker_open", "1 while Redis is left alone", whether(cache.Open))
	gauge("tillseal_gateway_postgres_away", "1 while Postgres does not answer and records are refused at once", whether(db.Away))
}
