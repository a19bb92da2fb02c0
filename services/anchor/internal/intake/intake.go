// Package intake takes priced sales off the stream and journals their leaves; a journaled sale is no longer lost with its message.
package intake

import (
	"context"
	"log/slog"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/anchor/internal/claim"
	"github.com/tillseal/tillseal/services/anchor/internal/crash"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

// MaxBatch is how many messages are journaled in one transaction.
const MaxBatch = 1024

// Intake is the handler of SALES_PRICED.
type Intake struct {
	journal *journal.Journal
	log     *slog.Logger
	leaves  prometheus.Counter
	forged  *prometheus.CounterVec
	jumped  prometheus.Counter
}

// New makes the handler and registers its metrics.
func New(j *journal.Journal, log *slog.Logger, metrics prometheus.Registerer) *Intake {
	in := &Intake{
		journal: j, log: log,
		leaves: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_anchor_priced_total", Help: "Priced sales taken off the stream, repeated ones included.",
		}),
		forged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tillseal_anchor_forged_total", Help: "Priced sales that the committed sale or the journal contradicts, by what is wrong: an alarm.",
		}, []string{"why"}),
		jumped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_anchor_rate_jumped_total",
			Help: "Priced sales parked because their rate is more than twice or less than half the last one of its currency: an alarm.",
		}),
	}
	for _, why := range claim.Forged {
		in.forged.WithLabelValues(string(why))
	}
	metrics.MustRegister(in.leaves, in.forged, in.jumped)
	return in
}

// Handle journals a batch of deliveries. One that is not a SalePriced is Invalid by itself, and so is one whose rate jumps, which holds
// its sale until an operator decides; one that the committed sale or the journal contradicts is Forged.
func (in *Intake) Handle(ctx context.Context, batch []stream.Message) []error {
	errs := make([]error, len(batch))
	leaves := make([]journal.Leaf, 0, len(batch))
	indexes := make([]int, 0, len(batch)) // of each leaf's delivery in the batch
	for i, msg := range batch {
		leaf, err := parse(msg.Data)
		if err != nil {
			errs[i] = err
			continue
		}
		leaves, indexes = append(leaves, leaf), append(indexes, i)
	}
	in.add(ctx, leaves, indexes, errs)
	return errs
}

// add journals all leaves together or, when the data of one is refused, each by itself, so that one does not hold up the others.
func (in *Intake) add(ctx context.Context, leaves []journal.Leaf, indexes []int, errs []error) {
	if len(leaves) == 0 {
		return
	}
	refused, err := in.journal.AddLeaves(ctx, leaves)
	crash.At("leaf journaled, not acknowledged")
	if fault.Is(err, fault.Invalid) && len(leaves) > 1 {
		for i := range leaves {
			in.add(ctx, leaves[i:i+1], indexes[i:i+1], errs)
		}
		return
	}
	for i := range leaves {
		errs[indexes[i]] = err
	}
	if err != nil {
		return
	}
	in.leaves.Add(float64(len(leaves))) //nolint:forbidigo // a metric is a float
	jumps := make(map[string]bool)      // logged once a batch: a rate that jumps comes with every sale
	for i, r := range refused {
		switch r.Why {
		case "":
		case claim.WhyJump:
			in.jumped.Inc()
			errs[indexes[i]] = fault.New(fault.Invalid, "rate: %s", r.Text)
			if rate := leaves[i].Rate; !jumps[rate.Currency] {
				jumps[rate.Currency] = true
				in.log.Error("ALARM: a rate jumped, and its sales are parked", "reason", r.Text, "sale_id", leaves[i].SaleID.String(), "rate_id", rate.ID)
			}
		default:
			in.forged.WithLabelValues(string(r.Why)).Inc()
			errs[indexes[i]] = fault.New(fault.Forged, "forged: %s", r.Text)
			in.log.Error("ALARM: a priced sale is forged, or a row was changed", "reason", r.Text, "sale_id", leaves[i].SaleID.String(), "why", string(r.Why))
		}
	}
}

func parse(data []byte) (journal.Leaf, error) {
	e, err := event.Decode[event.SalePriced](data)
	if err != nil {
		return journal.Leaf{}, err
	}
	id, err := uuid.Parse(e.SaleID)
	if err != nil || !sale.ValidSaleID(e.SaleID) {
		return journal.Leaf{}, fault.New(fault.Invalid, "sale_id is not a UUID in lower case")
	}
	amountWei, wrong := money.ParseWei(e.AmountWei)
	switch {
	case wrong != nil:
		return journal.Leaf{}, fault.New(fault.Invalid, "amount_wei %w", wrong)
	case e.SaleHash == common.Hash{}:
		return journal.Leaf{}, fault.New(fault.Invalid, "sale_hash is missing")
	case !sale.ValidPlaceID(e.StoreID):
		return journal.Leaf{}, fault.New(fault.Invalid, "store_id is not a valid id")
	}
	if err := checkRate(e); err != nil {
		return journal.Leaf{}, err
	}
	return journal.Leaf{SaleID: id, StoreID: e.StoreID, SaleHash: e.SaleHash, AmountWei: amountWei, Rate: e.Rate}, nil
}

// checkRate checks a rate by itself. Whether a sale may be without one, and have another amount than 0, the committed total decides.
func checkRate(e event.SalePriced) error {
	if e.Rate == nil {
		return nil
	}
	_, wrong := money.ParseDecimal(e.Rate.Value)
	switch {
	case money.IsZero(e.Total) && e.AmountWei == "0":
		return fault.New(fault.Invalid, "the total is 0, which needs no rate, and there is one")
	case e.Rate.ID == "" || e.Rate.Currency != e.Currency:
		return fault.New(fault.Invalid, "rate has no id, or is for another currency than the sale")
	case wrong != nil:
		return fault.New(fault.Invalid, "rate.value %w", wrong)
	}
	return nil
}
