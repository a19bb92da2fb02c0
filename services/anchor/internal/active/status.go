package active

import (
	"math"
	"math/big"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/event"
)

// Status is what the active anchor saw last.
type Status struct {
	Active           bool   `json:"active"`
	Deployment       int64  `json:"deployment"`
	ChainID          string `json:"chain_id"`
	Contract         string `json:"contract"`
	NextBatchID      uint64 `json:"next_batch_id"`
	InFlight         uint64 `json:"in_flight"` // batch that is sealed and not mined; 0 for none
	NotFinal         int    `json:"not_final"` // batches that are mined and not final
	Waiting          int    `json:"waiting"`   // leaves for the next batch, counted up to ANCHOR_BATCH_MAX
	OldestSeconds    int64  `json:"oldest_unanchored_seconds"`
	Nonce            uint64 `json:"nonce"`
	FeeCapWei        string `json:"fee_cap_wei,omitempty"` // per gas, of the newest transaction of the batch in flight
	TipCapWei        string `json:"tip_cap_wei,omitempty"`
	BalanceWei       string `json:"balance_wei"`
	RunwayBatches    int64  `json:"runway_batches"` // for which the balance lasts at the present fee
	BaseFeeWei       string `json:"base_fee_wei"`
	FeeCeilingWei    string `json:"fee_ceiling_wei"` // the most to pay now
	HeadBlock        uint64 `json:"head_block"`
	FinalizedBlock   uint64 `json:"finalized_block"`
	SeenAt           string `json:"seen_at"` // RFC 3339 UTC
	AnchorerAddress  string `json:"anchorer"`
	FinalityAnnounce string `json:"finality"`
}

// Metrics are the anchor's gauges; the age of the oldest unanchored sale is the first alarm.
type Metrics struct {
	Active, Halted, Oldest, Waiting, NotFinal, BalanceGwei, Runway, Head prometheus.Gauge
}

// NewMetrics registers the gauges.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tillseal_anchor_" + name, Help: help})
		registerer.MustRegister(g)
		return g
	}
	return &Metrics{
		Active:      gauge("active", "1 while this replica is the one that acts."),
		Halted:      gauge("halted", "1 after the anchor stopped for a person to look: an alarm."),
		Oldest:      gauge("oldest_unanchored_seconds", "Age of the oldest leaf that no mined batch holds."),
		Waiting:     gauge("waiting_leaves", "Leaves for the next batch, counted up to ANCHOR_BATCH_MAX."),
		NotFinal:    gauge("batches_not_final", "Batches that are mined and not final."),
		BalanceGwei: gauge("balance_gwei", "What the anchorer's account holds, in gwei."),
		Runway:      gauge("runway_batches", "For how many batches the balance lasts at the present fee."),
		Head:        gauge("head_block", "Height of the chain as last seen."),
	}
}

// oldestAge is how long the oldest unanchored sale has waited, as last seen.
func (a *Anchor) oldestAge() time.Duration {
	if s := a.Status.Load(); s != nil {
		return time.Duration(s.OldestSeconds) * time.Second
	}
	return 0
}

// runway is for how many batches the balance lasts at the chain's present fee, by the gas of a steady anchor().
func runway(sight chain.Sight) int64 {
	price := new(big.Int).Add(sight.BaseFeeWei, sight.TipWei)
	cost := price.Mul(price, big.NewInt(steadyGas))
	if cost.Sign() == 0 {
		return math.MaxInt64
	}
	batches := cost.Div(sight.BalanceWei, cost)
	if !batches.IsInt64() {
		return math.MaxInt64
	}
	return batches.Int64()
}

const (
	steadyGas = 51_755 // of one anchor(), from the contract's gas snapshot
	lowRunway = 100    // batches; from here on the log warns
	lowAgain  = 5 * time.Minute
)

// forget makes this replica one that does not act: what it saw is another's to say now.
func (a *Anchor) forget() {
	a.Status.Store(nil)
	for _, gauge := range []prometheus.Gauge{a.Metrics.Active, a.Metrics.Oldest, a.Metrics.Waiting, a.Metrics.NotFinal} {
		gauge.Set(0)
	}
}

// report keeps what was seen for ops.anchor.status and the metrics.
func (a *Anchor) report(state step.Journal, sight chain.Sight, now time.Time) {
	s := Status{
		Active: true, Deployment: a.scope.Deployment, ChainID: a.id.ChainID.String(), Contract: a.contract.Hex(),
		NextBatchID: sight.NextBatchID, Waiting: state.Waiting.Count, Nonce: sight.Nonce, BalanceWei: sight.BalanceWei.String(),
		HeadBlock: sight.Head.Number, FinalizedBlock: sight.Finalized, SeenAt: now.UTC().Format(time.RFC3339),
		AnchorerAddress: a.Signer.Address().Hex(), FinalityAnnounce: a.Set.Finality,
	}
	s.RunwayBatches, s.BaseFeeWei = runway(sight), sight.BaseFeeWei.String()
	oldest := state.Waiting.Oldest
	for _, b := range state.Open {
		if b.State == event.BatchMined {
			s.NotFinal++
			continue
		}
		if s.InFlight == 0 {
			s.InFlight = b.ID
			if n := len(b.Attempts); n > 0 {
				s.FeeCapWei, s.TipCapWei = b.Attempts[n-1].Fee.CapWei.String(), b.Attempts[n-1].Fee.TipWei.String()
			}
		}
		if at := a.oldest[b.ID]; oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	if !oldest.IsZero() {
		s.OldestSeconds = int64(now.Sub(oldest).Seconds())
	}
	age := time.Duration(s.OldestSeconds) * time.Second
	s.FeeCeilingWei = fee.Ceiling(a.Set.FeeCapWei, a.Set.FeeHardWei, age, a.Set.FeeRiseAfter).String()
	if s.RunwayBatches < lowRunway && now.Sub(a.warnedLow) >= lowAgain {
		a.warnedLow = now
		a.Log.Warn("ALARM: the anchorer's account is low", "address", s.AnchorerAddress, "balance_wei", s.BalanceWei, "runway_batches", s.RunwayBatches)
	}
	a.Status.Store(&s)
	a.Metrics.Oldest.Set(float64(s.OldestSeconds)) //nolint:forbidigo // a metric is a float
	a.Metrics.Waiting.Set(float64(s.Waiting))      //nolint:forbidigo // a metric is a float
	a.Metrics.NotFinal.Set(float64(s.NotFinal))    //nolint:forbidigo // a metric is a float
	a.Metrics.Head.Set(float64(s.HeadBlock))       //nolint:forbidigo // a metric is a float
	a.Metrics.Runway.Set(float64(s.RunwayBatches)) //nolint:forbidigo // a metric is a float
	balance, _ := sight.BalanceWei.Float64()
	a.Metrics.BalanceGwei.Set(balance / 1e9)
}
