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
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/services/anchor/internal/claim"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/postgres"
)

// Leaf is a sale as it goes into a batch.
type Leaf struct {
	SaleID    uuid.UUID
	StoreID   string
	SaleHash  common.Hash
	AmountWei *big.Int
	Rate      *event.Rate // on the way in only, and nil for a total of zero; a leaf that is read back has none
}

// AddLeaves journals leaves, given in the order in which they came, in one transaction. A sale that has its leaf keeps it. It returns
// for each leaf why it was refused, if it was; only Postgres is asked. If the guard of the statement refuses one after all, because a
// row changed meanwhile, that is a Conflict for all: they are delivered and checked again.
func (j *Journal) AddLeaves(ctx context.Context, leaves []Leaf) (refused []claim.Refusal, err error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	in, err := begin(leaves)
	if err != nil {
		return nil, postgres.Fault("read rates", err)
	}
	err = j.inTx(ctx, "journal leaves", func(tx pgx.Tx) error {
		if err := in.check(ctx, tx); err != nil {
			return err
		}
		if err := in.followRates(ctx, tx); err != nil {
			return err
		}
		rates, rows, err := in.columns()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertRatesSQL, rates); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, insertLeavesSQL, rows)
		return err
	})
	if err == nil {
		err = postgres.Fault("read the journaled leaves", in.confirm(ctx, j.pool))
	}
	return in.refused, err
}

// incoming is a batch of leaves on its way into the journal.
type incoming struct {
	leaves  []Leaf
	claims  []claim.Claim
	known   []claim.Known
	refused []claim.Refusal
}

func begin(leaves []Leaf) (*incoming, error) {
	in := &incoming{
		leaves: leaves, claims: make([]claim.Claim, len(leaves)), known: make([]claim.Known, len(leaves)), refused: make([]claim.Refusal, len(leaves)),
	}
	for i, l := range leaves {
		in.claims[i] = claim.Claim{SaleHash: l.SaleHash, StoreID: l.StoreID, AmountWei: l.AmountWei}
		if l.Rate == nil {
			continue
		}
		value, err := money.ParseDecimal(l.Rate.Value)
		if err != nil {
			return in, err
		}
		in.claims[i].RateID, in.claims[i].RateCurrency, in.claims[i].Rate = l.Rate.ID, l.Rate.Currency, value
	}
	return in, nil
}

func (in *incoming) saleIDs() []uuid.UUID {
	ids := make([]uuid.UUID, len(in.leaves))
	for i, l := range in.leaves {
		ids[i] = l.SaleID
	}
	return ids
}

// check compares every claim with what Postgres holds.
func (in *incoming) check(ctx context.Context, tx pgx.Tx) error {
	rateIDs := make([]string, len(in.leaves)) // "" names no rate
	for i, c := range in.claims {
		rateIDs[i] = c.RateID
	}
	rows, err := tx.Query(ctx, knownSQL, pgx.NamedArgs{"sale_ids": in.saleIDs(), "rates": rateIDs})
	if err != nil {
		return err
	}
	var index int
	var hash, leaf []byte
	var store, currency, total, rateCurrency, rateValue *string
	_, err = pgx.ForEachRow(rows, []any{&index, &hash, &store, &currency, &total, &leaf, &rateCurrency, &rateValue}, func() error {
		k := &in.known[index]
		if hash != nil {
			k.Committed, k.SaleHash, k.StoreID, k.Currency, k.Total = true, common.BytesToHash(hash), *store, *currency, *total
		}
		if leaf != nil {
			k.Leaf = new(common.BytesToHash(leaf))
		}
		if rateValue != nil {
			k.Rate = &claim.Rate{Currency: *rateCurrency, Value: *rateValue}
		}
		in.refused[index] = claim.Check(in.claims[index], *k)
		return nil
	})
	return err
}

// isNew reports whether a leaf is to be journaled: nothing speaks against it, and its sale has none.
func (in *incoming) isNew(i int) bool {
	return in.refused[i] == claim.Refusal{} && in.known[i].Leaf == nil
}

// followRates refuses the leaves whose rate jumps and makes the last of the others its currency's reference. The currencies are taken
// in one order: replicas would deadlock on each other's rows.
func (in *incoming) followRates(ctx context.Context, tx pgx.Tx) error {
	indexes := make(map[string][]int) // of the new leaves with a rate, by currency
	for i := range in.leaves {
		if in.isNew(i) && in.leaves[i].Rate != nil {
			currency := in.claims[i].RateCurrency
			indexes[currency] = append(indexes[currency], i)
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(indexes)) {
		if err := in.follow(ctx, tx, currency, indexes[currency]); err != nil {
			return err
		}
	}
	return nil
}

func (in *incoming) follow(ctx context.Context, tx pgx.Tx, currency string, indexes []int) error {
	return moveReference(ctx, tx, currency, func(last money.Decimal) (reference, error) {
		next, seen := last, make(map[uuid.UUID]bool) // sales whose leaf comes from an earlier index
		for _, i := range indexes {
			in.refused[i] = claim.Refusal{} // it may have been compared with a reference that was not the last
			if seen[in.leaves[i].SaleID] {
				continue // it becomes neither a leaf nor a reference
			}
			if claim.Jumps(next, in.claims[i].Rate) {
				in.refused[i] = claim.Jump(currency, next, in.claims[i].Rate)
				continue
			}
			next = in.claims[i].Rate
			seen[in.leaves[i].SaleID] = true
		}
		return reference{Value: next}, nil
	})
}

// columns puts the new leaves in the order of their sales, and their rates in that of their ids: replicas that are given the same
// ones in different orders would deadlock on each other's rows.
func (in *incoming) columns() (rates, rows pgx.NamedArgs, err error) {
	var indexes []int
	for i := range in.leaves {
		if in.isNew(i) {
			indexes = append(indexes, i)
		}
	}
	slices.SortStableFunc(indexes, func(a, b int) int { return bytes.Compare(in.leaves[a].SaleID[:], in.leaves[b].SaleID[:]) })
	var (
		saleIDs                                           []uuid.UUID
		hashes                                            [][]byte
		amounts, stores, currencyOf, totals               []string
		rateOf, valueOf                                   []*string // null for a leaf without a rate
		ids, values, currencies, tiers, sources, observed []string
		byID                                              = make(map[string]*event.Rate)
	)
	for _, i := range indexes {
		l := in.leaves[i]
		saleIDs, hashes = append(saleIDs, l.SaleID), append(hashes, l.SaleHash.Bytes())
		amounts, stores = append(amounts, amount(l.AmountWei)), append(stores, l.StoreID)
		currencyOf, totals = append(currencyOf, in.known[i].Currency), append(totals, in.known[i].Total)
		if l.Rate == nil {
			rateOf, valueOf = append(rateOf, nil), append(valueOf, nil)
			continue
		}
		rateOf, valueOf = append(rateOf, &l.Rate.ID), append(valueOf, &l.Rate.Value)
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
	rows = pgx.NamedArgs{
		"sale_ids": saleIDs, "hashes": hashes, "amounts": amounts, "rates": rateOf, "stores": stores, "currencies": currencyOf, "totals": totals, "values": valueOf,
	}
	return rates, rows, nil
}

// confirm reads which leaves are there now. A sale that another replica journaled meanwhile has its leaf, whatever this one decided about
// its rate: all decide alike.
func (in *incoming) confirm(ctx context.Context, pool *pgxpool.Pool) error {
	rows, err := pool.Query(ctx, journaledSQL, pgx.NamedArgs{"sale_ids": in.saleIDs()})
	if err != nil {
		return err
	}
	there := make([]*common.Hash, len(in.leaves))
	var index int
	var hash []byte
	if _, err := pgx.ForEachRow(rows, []any{&index, &hash}, func() error { there[index] = new(common.BytesToHash(hash)); return nil }); err != nil {
		return err
	}
	missing := 0
	for i, leaf := range there {
		jumped := in.refused[i].Why == claim.WhyJump
		switch {
		case in.refused[i].Why != "" && !jumped:
		case leaf == nil && !jumped:
			missing++
		case leaf != nil && *leaf == in.claims[i].SaleHash:
			in.refused[i] = claim.Refusal{}
		case leaf != nil:
			in.known[i].Leaf = leaf
			in.refused[i] = claim.Check(in.claims[i], in.known[i])
		}
	}
	if missing > 0 {
		return fault.New(fault.Conflict, "%d leaves were not journaled, because their sale or rate changed meanwhile", missing)
	}
	return nil
}

// BatchLeaves reads the leaves of a sealed batch in the order of their index.
func (j *Journal) BatchLeaves(ctx context.Context, deployment int64, batchID uint64) ([]Leaf, error) {
	ctx, cancel := j.bounded(ctx)
	defer cancel()
	rows, err := j.pool.Query(ctx, batchLeavesSQL, pgx.NamedArgs{"deployment": deployment, "batch_id": batchID})
	if err != nil {
		return nil, postgres.Fault("read a batch's leaves", err)
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
	return leaves, postgres.Fault("read a batch's leaves", err)
}
