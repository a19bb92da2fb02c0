// Package intake takes priced sales off the stream and journals their leaves; what is journaled is safe with the pipeline.
package intake

import (
	"context"
	"log/slog"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tillseal/tillseal/services/anchor/internal/crash"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
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
	forged  prometheus.Counter
}

// New makes the handler and registers its metrics.
func New(j *journal.Journal, log *slog.Logger, metrics prometheus.Registerer) *Intake {
	in := &Intake{
		journal: j, log: log,
		leaves: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_anchor_priced_total", Help: "Priced sales taken off the stream, repeated ones included.",
		}),
		forged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tillseal_anchor_forged_total", Help: "Priced sales refused since another sale_hash is journaled for the sale: an alarm.",
		}),
	}
	metrics.MustRegister(in.leaves, in.forged)
	return in
}

// Handle journals a batch of deliveries. One that is no SalePriced is Invalid by itself; so is one whose sale has a leaf with
// another hash.
func (in *Intake) Handle(ctx context.Context, batch []stream.Message) []error {
	errs := make([]error, len(batch))
	leaves := make([]journal.Leaf, 0, len(batch))
	places := make([]int, 0, len(batch)) // of each leaf in the batch
	for i, msg := range batch {
		leaf, err := parse(msg.Data)
		if err != nil {
			errs[i] = err
			continue
		}
		leaves, places = append(leaves, leaf), append(places, i)
	}
	in.add(ctx, leaves, places, errs)
	return errs
}

// add journals all leaves together or, when the data of one is refused, each by itself, so that one harms no other.
func (in *Intake) add(ctx context.Context, leaves []journal.Leaf, places []int, errs []error) {
	if len(leaves) == 0 {
		return
	}
	forged, err := in.journal.AddLeaves(ctx, leaves)
	crash.At("leaf journaled, not acknowledged")
	if fault.Is(err, fault.Invalid) && len(leaves) > 1 {
		for i := range leaves {
			in.add(ctx, leaves[i:i+1], places[i:i+1], errs)
		}
		return
	}
	for i, leaf := range leaves {
		errs[places[i]] = err
		if forged[journal.Claim{SaleID: leaf.SaleID, SaleHash: leaf.SaleHash}] {
			in.forged.Inc()
			in.log.Error("ALARM: a priced sale comes with another sale_hash than the one journaled", "sale_id", leaf.SaleID.String())
			errs[places[i]] = fault.New(fault.Invalid, "another sale_hash is journaled for this sale")
		}
	}
	if err == nil {
		in.leaves.Add(float64(len(leaves))) //nolint:forbidigo // a metric is a float
	}
}

func parse(data []byte) (journal.Leaf, error) {
	e, err := event.Decode[event.SalePriced](data)
	if err != nil {
		return journal.Leaf{}, err
	}
	id, err := uuid.Parse(e.SaleID)
	if err != nil || id.String() != e.SaleID {
		return journal.Leaf{}, fault.New(fault.Invalid, "sale_id is not a UUID in lower case")
	}
	amountWei, ok := new(big.Int).SetString(e.AmountWei, 10)
	switch {
	case !ok || amountWei.Sign() <= 0 || amountWei.BitLen() > 256:
		return journal.Leaf{}, fault.New(fault.Invalid, "amount_wei is not a positive uint256")
	case e.SaleHash == common.Hash{}:
		return journal.Leaf{}, fault.New(fault.Invalid, "sale_hash is missing")
	case !sale.ValidPlaceID(e.StoreID):
		return journal.Leaf{}, fault.New(fault.Invalid, "store_id is not an id")
	case e.Rate.ID == "" || e.Rate.Value == "" || e.Rate.Currency != e.Currency:
		return journal.Leaf{}, fault.New(fault.Invalid, "rate lacks its id or value, or is of another currency")
	}
	return journal.Leaf{SaleID: id, StoreID: e.StoreID, SaleHash: e.SaleHash, AmountWei: amountWei, Rate: e.Rate}, nil
}
