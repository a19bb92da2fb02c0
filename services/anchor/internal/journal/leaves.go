package journal

import (
	"context"
	"encoding/json"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/event"
)

// Leaf is a sale as it goes into a batch.
type Leaf struct {
	SaleID    uuid.UUID
	StoreID   string
	SaleHash  common.Hash
	AmountWei *big.Int
	Rate      event.Rate // on the way in only; a leaf that is read back has none
}

// AddLeaves journals leaves in one transaction. A sale that has its leaf keeps it. It returns the sales whose journaled leaf
// has another sale_hash than the one given: nothing the services do can lead to that.
func (j *Journal) AddLeaves(ctx context.Context, leaves []Leaf) (forged map[uuid.UUID]bool, err error) {
	rates, rows, err := columns(leaves)
	if err != nil {
		return nil, kinded("encode rates", err)
	}
	err = j.inTx(ctx, "journal leaves", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, insertRates, rates); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, insertLeaves, rows)
		return err
	})
	if err != nil {
		return nil, err
	}
	found, err := j.pool.Query(ctx, otherHashes, pgx.NamedArgs{"sale_ids": rows["sale_ids"], "hashes": rows["hashes"]})
	if err != nil {
		return nil, kinded("compare leaves", err)
	}
	ids, err := pgx.CollectRows(found, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, kinded("compare leaves", err)
	}
	forged = make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		forged[id] = true
	}
	return forged, nil
}

func columns(leaves []Leaf) (rates, rows pgx.NamedArgs, err error) {
	var (
		saleIDs                                           []uuid.UUID
		hashes                                            [][]byte
		amounts, rateOf, stores                           []string
		ids, values, currencies, tiers, sources, observed []string
		seen                                              = make(map[string]bool)
	)
	for _, l := range leaves {
		saleIDs, hashes = append(saleIDs, l.SaleID), append(hashes, l.SaleHash.Bytes())
		amounts, rateOf, stores = append(amounts, amount(l.AmountWei)), append(rateOf, l.Rate.ID), append(stores, l.StoreID)
		if seen[l.Rate.ID] {
			continue
		}
		seen[l.Rate.ID] = true
		encoded, err := json.Marshal(l.Rate.Sources)
		if err != nil {
			return nil, nil, err
		}
		ids, values, currencies = append(ids, l.Rate.ID), append(values, l.Rate.Value), append(currencies, l.Rate.Currency)
		tiers, sources, observed = append(tiers, l.Rate.Tier), append(sources, string(encoded)), append(observed, l.Rate.ObservedAt)
	}
	rates = pgx.NamedArgs{"ids": ids, "values": values, "currencies": currencies, "tiers": tiers, "sources": sources, "observed": observed}
	rows = pgx.NamedArgs{"sale_ids": saleIDs, "hashes": hashes, "amounts": amounts, "rates": rateOf, "stores": stores}
	return rates, rows, nil
}

// BatchLeaves reads the leaves of a sealed batch in the order of their index.
func (j *Journal) BatchLeaves(ctx context.Context, deployment int64, batchID uint64) ([]Leaf, error) {
	rows, err := j.pool.Query(ctx, batchLeaves, pgx.NamedArgs{"deployment": deployment, "batch_id": batchID})
	if err != nil {
		return nil, kinded("read a batch's leaves", err)
	}
	leaves, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Leaf, err error) {
		var hash []byte
		var amountWei string
		err = row.Scan(&l.SaleID, &l.StoreID, &hash, &amountWei)
		if err == nil {
			l.SaleHash, l.AmountWei = common.BytesToHash(hash), wei(amountWei)
		}
		return l, err
	})
	return leaves, kinded("read a batch's leaves", err)
}
