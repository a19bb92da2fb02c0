package active

import (
	"math"
	"math/big"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/fee"
)

// Status is the backlog, which every replica reads from the journal, and what the active anchor last saw of the chain.
type Status struct {
	Active           bool   `json:"active"`
	Deployment       int64  `json:"deployment"`
	ChainID          string `json:"chain_id"`
	Contract         string `json:"contract"`
	NextBatchID      uint64 `json:"next_batch_id"`
	InFlight         uint64 `json:"in_flight"`    // batch that is sealed and not mined; 0 for none
	NotFinal         int    `json:"not_final"`    // batches that are mined and not final
	SealingHeld      bool   `json:"sealing_held"` // so many batches are not final that no more are sealed
	Waiting          int    `json:"waiting"`      // leaves for the next batch, counted up to ANCHOR_BATCH_MAX
	OldestSeconds    int64  `json:"oldest_unanchored_seconds"`
	Nonce            uint64 `json:"nonce"`
	FeeCapWei        string `json:"fee_cap_wei,omitempty"` // per unit of gas, of the newest transaction of the batch in flight
	TipCapWei        string `json:"tip_cap_wei,omitempty"`
	BalanceWei       string `json:"balance_wei"`
	RunwayBatches    int64  `json:"runway_batches"`      // that the balance pays for at the present fee
	RunwayHours      int64  `json:"runway_hours"`        // that these last with sales all day
	GasPerBatch      uint64 `json:"gas_per_batch"`       // on average over the newest, those that make new state aside
	SpentDayWei      string `json:"spent_24h_wei"`       // by the receipts of the transactions that were mined, failed ones included
	SpentMonthWei    string `json:"spent_30d_wei"`       // likewise
	ForecastDayWei   string `json:"forecast_day_wei"`    // of a day with sales all day, at the present fee and batch age
	BudgetDayWei     string `json:"budget_day_wei"`      // ANCHOR_BUDGET_ETH_PER_DAY; "0" for none
	BudgetExceeded   bool   `json:"budget_exceeded"`     // although batches wait as long as they may, or are full before
	BatchAgeSeconds  int64  `json:"batch_age_seconds"`   // how long the oldest sale waits for its batch at present
	BatchAgeStretch  bool   `json:"batch_age_stretched"` // that is longer than ANCHOR_BATCH_AGE, for the budget's sake
	BaseFeeWei       string `json:"base_fee_wei"`
	FeeCeilingWei    string `json:"fee_ceiling_wei"` // the most to pay now
	HeadBlock        uint64 `json:"head_block"`
	FinalizedBlock   uint64 `json:"finalized_block"`
	SeenAt           string `json:"seen_at"` // RFC 3339 UTC
	AnchorerAddress  string `json:"anchorer"`
	FinalityAnnounce string `json:"finality"`
}

// Metrics are the anchor's gauges; the age of the oldest unanchored sale is the first alarm. Every replica reports what is in the
// journal, only the active one what is on the chain.
type Metrics struct {
	Active, BalanceGwei, Runway, Head, TooSlow, PromiseTooShort              prometheus.Gauge
	RunwayHours, SpentDay, SpentMonth, ForecastDay, BatchAge, BudgetExceeded prometheus.Gauge

	backlog atomic.Pointer[backlog]
}

// NewMetrics registers the gauges.
func NewMetrics(registerer prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "tillseal_anchor_" + name, Help: help})
		registerer.MustRegister(g)
		return g
	}
	m := &Metrics{
		Active:      gauge("active", "1 while this replica is the active one; alarm when none is."),
		BalanceGwei: gauge("balance_gwei", "What the anchorer's account holds, in gwei."),
		Runway:      gauge("runway_batches", "For how many batches the balance lasts at the present fee."),
		Head:        gauge("head_block", "Height of the chain as last seen."),

		RunwayHours: gauge("runway_hours", "For how many hours the balance lasts at the present fee and batch age, with sales all day."),
		SpentDay:    gauge("spent_day_gwei", "What transactions cost in the last 24 hours, in gwei, by their receipts."),
		SpentMonth:  gauge("spent_month_gwei", "What transactions cost in the last 30 days, in gwei, by their receipts."),
		ForecastDay: gauge("forecast_day_gwei", "What a day with sales all day costs at the present fee and batch age, in gwei."),
		BatchAge:    gauge("batch_age_seconds", "How long the oldest sale waits for its batch at present."),

		BudgetExceeded: gauge("budget_exceeded", "1 while the forecast is above ANCHOR_BUDGET_ETH_PER_DAY and batches can't wait longer."),

		TooSlow: gauge("batches_too_small", "1 when ANCHOR_BATCH_MAX sales in each block time, as the active anchor measured it, are too few."),
		PromiseTooShort: gauge("promise_too_short",
			"1 when the longest wait for a batch and the chain's time to finality, as the active anchor measured it, are not less than PROMISE_WITHIN."),
	}
	journaled := func(name, help string, read func(*backlog) int64) {
		registerer.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tillseal_anchor_" + name, Help: help},
			func() float64 { //nolint:forbidigo // a metric is a float
				if b := m.backlog.Load(); b != nil {
					return float64(read(b)) //nolint:forbidigo // a metric is a float
				}
				return 0
			}))
	}
	journaled("oldest_unanchored_seconds", "Age of the oldest leaf that is in no mined batch.", func(b *backlog) int64 { return int64(b.age().Seconds()) })
	journaled("waiting_leaves", "Leaves for the next batch, counted up to ANCHOR_BATCH_MAX.", func(b *backlog) int64 { return int64(b.waiting) })
	journaled("batches_not_final", "Batches that are mined and not final.", func(b *backlog) int64 { return int64(b.notFinal) })
	return m
}

// ceiling is the most to pay per unit of gas now. A sale counts from when its batch was due: what waits for a budget is not late.
func (a *Anchor) ceiling() *big.Int {
	late := max(0, a.backlog.Load().age()-time.Duration(a.age.Load()))
	return fee.Ceiling(a.Set.FeeCapWei, a.Set.FeeHardWei, late, a.Set.FeeRiseAfter)
}

// runway is how many batches the balance pays for if each costs as much. The last one needs its whole gas limit (taken to be the next
// one's) at the cap of a first attempt, without which no node accepts it: 0 when there is not that much.
func runway(sight chain.Sight, costWei, ceilingWei *big.Int) int64 {
	reserve := fee.First(sight.BaseFeeWei, sight.TipWei, ceilingWei).CapWei
	over := new(big.Int).Sub(sight.BalanceWei, reserve.Mul(reserve, new(big.Int).SetUint64(binding.AnchorGas(sight.NextBatchID))))
	switch {
	case over.Sign() < 0:
		return 0
	case costWei.Sign() == 0:
		return math.MaxInt64
	}
	batches := over.Div(over, costWei)
	if !batches.IsInt64() || batches.Int64() == math.MaxInt64 {
		return math.MaxInt64
	}
	return batches.Int64() + 1
}

const (
	lowRunway = 100 // batches; from here on the log warns
	warnAgain = 5 * time.Minute
)

// Status answers ops.anchor.status.
func (a *Anchor) Status() Status {
	var s Status
	if acting := a.acting.Load(); acting != nil {
		s = acting.seen
	}
	s.FinalityAnnounce, s.FeeCeilingWei = a.Set.Finality, a.ceiling().String()
	if b := a.backlog.Load(); b != nil {
		s.Deployment, s.Waiting, s.InFlight, s.NotFinal, s.OldestSeconds = b.deployment, b.waiting, b.inFlight, b.notFinal, int64(b.age().Seconds())
		s.SealingHeld = b.held
		if b.fee.CapWei != nil {
			s.FeeCapWei, s.TipCapWei = b.fee.CapWei.String(), b.fee.TipWei.String()
		}
	}
	return s
}

// report keeps what a check saw of the chain for ops.anchor.status and the metrics.
func (t *tenure) report(sight chain.Sight, costs outlook) {
	now := time.Now()
	s := Status{
		Active: true, GasPerBatch: costs.gas, ChainID: t.id.ChainID.String(), Contract: t.contract.Hex(), NextBatchID: sight.NextBatchID, Nonce: sight.Nonce,
		BalanceWei: sight.BalanceWei.String(), BaseFeeWei: sight.BaseFeeWei.String(), RunwayBatches: runway(sight, costs.situation.BatchWei, t.anchor.ceiling()),
		HeadBlock: sight.Head.Number, FinalizedBlock: sight.Finalized, SeenAt: now.UTC().Format(time.RFC3339),
		AnchorerAddress: t.anchor.Signer.Address().Hex(),
	}
	s.RunwayHours = costs.runwayHours(s.RunwayBatches)
	s.SpentDayWei, s.SpentMonthWei, s.ForecastDayWei = costs.spent.DayWei.String(), costs.spent.MonthWei.String(), costs.DayWei.String()
	s.BudgetDayWei, s.BudgetExceeded = "0", costs.Exceeded
	if wei := t.anchor.Set.Budget.DayWei; wei != nil {
		s.BudgetDayWei = wei.String()
	}
	s.BatchAgeSeconds, s.BatchAgeStretch = int64(costs.Age/time.Second), costs.Stretched
	if s.RunwayBatches < lowRunway {
		t.anchor.warnedLow.Do(func() {
			t.anchor.Log.Warn("ALARM: the anchorer's account is low", "address", s.AnchorerAddress, "balance_wei", s.BalanceWei, "runway_batches", s.RunwayBatches)
		})
	}
	t.show(s)
	t.anchor.Metrics.tell(s, sight, costs)
}

// tell sets the gauges of the active anchor.
func (m *Metrics) tell(s Status, sight chain.Sight, costs outlook) {
	count := func(g prometheus.Gauge, n int64) { g.Set(float64(n)) } //nolint:forbidigo // a metric is a float
	gwei := func(g prometheus.Gauge, wei *big.Int) {
		n, _ := wei.Float64() // a metric is a float; no amount is computed from it
		g.Set(n / 1e9)
	}
	count(m.Head, int64(s.HeadBlock))
	count(m.Runway, s.RunwayBatches)
	count(m.RunwayHours, s.RunwayHours)
	count(m.BatchAge, s.BatchAgeSeconds)
	count(m.BudgetExceeded, 0)
	if s.BudgetExceeded {
		count(m.BudgetExceeded, 1)
	}
	gwei(m.BalanceGwei, sight.BalanceWei)
	gwei(m.SpentDay, costs.spent.DayWei)
	gwei(m.SpentMonth, costs.spent.MonthWei)
	gwei(m.ForecastDay, costs.DayWei)
}
