package journal

import (
	"context"
	"math/big"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/postgres"
)

const (
	costSample = 64   // batches over which gas is averaged: what they merge evens out
	hourly     = 3600 // batches that are looked at: one a second in an hour
)

// Spending is what anchoring has cost, and what it takes.
type Spending struct {
	DayWei, MonthWei *big.Int // in the last 24 hours and the last 30 days, at all deployments on the chain
	Gas              uint64   // of a batch that makes no new state, on average over the newest; 0 while there is none
	L1FeeWei         *big.Int // of a batch beside its gas, likewise
	FullAnHour       int      // batches that were full, in the last hour
}

// Spending reads it; full is ANCHOR_BATCH_MAX.
func (j *Journal) Spending(ctx context.Context, deployment int64, full int) (s Spending, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	var day, month, l1Fee string
	err = j.pool.QueryRow(ctx, spendingSQL, pgx.NamedArgs{"deployment": deployment, "full": full, "sample": costSample, "hourly": hourly}).
		Scan(&day, &month, &s.Gas, &l1Fee, &s.FullAnHour)
	if err != nil {
		return s, postgres.Fault("read what was spent", err)
	}
	s.DayWei, s.MonthWei, s.L1FeeWei = wei(day), wei(month), wei(l1Fee)
	return s, nil
}

// Charged is what one of the journal's transactions was charged.
type Charged struct {
	step.Attempt
	chain.Cost
}

// Costed are those of some transactions of a deployment whose cost is journaled.
func (j *Journal) Costed(ctx context.Context, deployment int64, hashes []common.Hash) ([]common.Hash, error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	rows, err := j.pool.Query(ctx, costedSQL, pgx.NamedArgs{
		"deployment": deployment, "hashes": postgres.Column(hashes, func(h *common.Hash) []byte { return h.Bytes() }),
	})
	if err != nil {
		return nil, postgres.Fault("read whose cost is journaled", err)
	}
	known, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (hash common.Hash, err error) {
		var raw []byte
		err = row.Scan(&raw)
		return common.BytesToHash(raw), err
	})
	return known, postgres.Fault("read whose cost is journaled", err)
}

// KeepCosts journals what transactions of a batch have cost. A lease that has changed hands keeps none.
func (j *Journal) KeepCosts(ctx context.Context, s Scope, batchID uint64, costs []Charged) error {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	return j.inTx(ctx, "journal what transactions cost", func(tx pgx.Tx) error {
		for _, c := range costs {
			_, err := tx.Exec(ctx, insertCostSQL, pgx.NamedArgs{
				"deployment": s.Deployment, "epoch": s.Epoch, "batch_id": batchID, "hash": c.TxHash.Bytes(),
				"sender": c.Sender.Bytes(), "nonce": strconv.FormatUint(c.Nonce, 10), "failed": c.Failed, "block_number": strconv.FormatUint(c.Block.Number, 10),
				"block_hash": c.Block.Hash.Bytes(), "gas_used": c.GasUsed, "price_wei": amount(c.PriceWei), "l1_fee_wei": amount(c.L1FeeWei),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
