package operate

import (
	"maps"
	"math"
	"math/big"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/pricing/internal/quote"
)

var (
	tierInUse = prometheus.NewDesc("tillseal_pricing_tier_in_use", "1 for the tier that sales in a currency are priced at now; tier none: they are parked.",
		[]string{"currency", "tier"}, nil)
	rateAge = prometheus.NewDesc("tillseal_pricing_rate_age_seconds", "Age of the rate in use; of a static one since the start.",
		[]string{"currency", "tier"}, nil)
	spread = prometheus.NewDesc("tillseal_pricing_spread_ratio", "(highest − lowest) / lowest of the sources' fresh prices at the last poll.",
		[]string{"currency"}, nil)
	freshSources = prometheus.NewDesc("tillseal_pricing_fresh_sources", "Sources with a fresh price at the last poll.", []string{"currency"}, nil)
	sourceUp     = prometheus.NewDesc("tillseal_pricing_source_up", "1 when the source's last answer had a price.", []string{"source"}, nil)
	breakerState = prometheus.NewDesc("tillseal_pricing_source_breaker", "1 for the state that the source's breaker is in.", []string{"source", "state"}, nil)
)

// Describe sends the descriptions of all metrics (prometheus.Collector).
func (d *Desk) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{tierInUse, rateAge, spread, freshSources, sourceUp, breakerState} {
		out <- desc
	}
}

// Collect reads the board at each scrape, so that a quote that has expired is shown as such.
func (d *Desk) Collect(out chan<- prometheus.Metric) {
	now := d.now()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) { //nolint:forbidigo // Prometheus counts in floats; no money here
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	verdicts := make(map[string]quote.Verdict)
	for _, code := range d.asked {
		verdicts[code] = quote.Verdict{} // nothing is fresh
	}
	maps.Copy(verdicts, d.verdicts())
	for _, code := range d.currencies() {
		q, ok := d.present(code, now)
		for _, tier := range quote.Tiers {
			gauge(tierInUse, oneIf(ok && q.Tier() == tier), code, string(tier))
		}
		gauge(tierInUse, oneIf(!ok), code, "none")
		if ok {
			gauge(rateAge, q.Age(now).Seconds(), code, string(q.Tier()))
		}
	}
	for code, v := range verdicts {
		gauge(freshSources, float64(v.Fresh), code) //nolint:forbidigo // as above
		ratio := math.NaN()                         // fewer than two prices have no spread, and NaN raises no alarm
		if v.Spread != nil {
			ratio, _ = v.Spread.Float64()
		}
		gauge(spread, ratio, code)
	}
	for _, s := range d.states() {
		gauge(sourceUp, oneIf(!s.SucceededAt.IsZero() && !s.Failing()), s.Name)
		for _, state := range []string{"closed", "half-open", "open"} {
			gauge(breakerState, oneIf(s.Breaker == state), s.Name, state)
		}
	}
}

func oneIf(yes bool) float64 { //nolint:forbidigo // as above
	if yes {
		return 1
	}
	return 0
}

// percent writes a ratio for people.
func percent(ratio *big.Rat) string {
	return new(big.Rat).Mul(ratio, big.NewRat(100, 1)).FloatString(2)
}
