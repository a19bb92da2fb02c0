package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math/big"
	"slices"

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

// Claim is what a priced sale says of itself.
type Claim struct {
	SaleID   uuid.UUID
	SaleHash common.Hash
}

// AddLeaves journals leaves in one transaction. A sale that has its leaf keeps it. It returns the claims of another sale_hash
// than the one that is journaled for the sale: nothing the services do can lead to that.
func (j *Journal) AddLeaves(ctx context.Context, leaves []Leaf) (forged map[Claim]bool, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
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
	forged = make(map[Claim]bool)
	var id uuid.UUID
	var hash []byte
	_, err = pgx.ForEachRow(found, []any{&id, &hash}, func() error {
		forged[Claim{SaleID: id, SaleHash: common.BytesToHash(hash)}] = true
		return nil
	})
	return forged, kinded("compare leaves", err)
}

// columns puts the leaves in the order of their sales, and the rates in that of their ids: replicas that are given the same ones in
// different orders would deadlock on each other's rows.
func columns(leaves []Leaf) (rates, rows pgx.NamedArgs, err error) {
	leaves = slices.Clone(leaves)
	slices.SortStableFunc(leaves, func(a, b Leaf) int { return bytes.Compare(a.SaleID[:], b.SaleID[:]) })
	var (
		saleIDs                                           []uuid.UUID
		hashes                                            [][]byte
		amounts, rateOf, stores                           []string
		ids, values, currencies, tiers, sources, observed []string
		byID                                              = make(map[string]event.Rate)
	)
	for _, l := range leaves {
		saleIDs, hashes = append(saleIDs, l.SaleID), append(hashes, l.SaleHash.Bytes())
		amounts, rateOf, stores = append(amounts, amount(l.AmountWei)), append(rateOf, l.Rate.ID), append(stores, l.StoreID)
		if _, seen := byID[l.Rate.ID]; !seen {
			byID[l.Rate.ID] = l.Rate
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		rate := byID[id]
		encoded, err := json.Marshal(rate.Sources)
		if err != nil {
			return nil, nil, err
		}
		ids, values, currencies = append(ids, id), append(values, rate.Value), append(currencies, rate.Currency)
		tiers, sources, observed = append(tiers, rate.Tier), append(sources, string(encoded)), append(observed, rate.ObservedAt)
	}
	rates = pgx.NamedArgs{"ids": ids, "values": values, "currencies": currencies, "tiers": tiers, "sources": sources, "observed": observed}
	rows = pgx.NamedArgs{"sale_ids": saleIDs, "hashes": hashes, "amounts": amounts, "rates": rateOf, "stores": stores}
	return rates, rows, nil
}

// BatchLeaves reads the leaves of a sealed batch in the order of their index.
func (j *Journal) BatchLeaves(ctx context.Context, deployment int64, batchID uint64) ([]Leaf, error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
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
