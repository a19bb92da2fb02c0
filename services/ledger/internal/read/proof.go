package read

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

// saleRow is a sale with how far it has come.
type saleRow struct {
	SaleID, Kind, RefundOf, StoreID, TerminalID, CustomerID, Currency, Total string
	RecordNumber, PointsDelta, PointsBalance, PurchaseNumber                 int64
	PointsEarned, PointsRedeemed                                             int64
	PreviousHash                                                             []byte
	RecordedAtUs                                                             int64
	Request, Salt, SaleHash                                                  []byte
	Promise                                                                  string

	LeafSaleHash []byte // from here on null as far as the sale has not come: not priced yet, in no batch yet, …
	AmountWei    *string

	RateValue, RateCurrency, RateTier, RateObservedAt *string // null for a total of 0 too
	RateSources                                       []byte

	Deployment, BatchID *int64
	LeafIndex, Size     *int32
	Root                []byte
	ChainID             *string
	Contract            []byte

	State             *string
	AnnouncedRoot     []byte
	TxHash, BlockHash []byte
	BlockNumber       *string

	Held   *string // parked or discarded: the state of what holds the sale back; null: nothing does
	Reason *string // why that was parked
}

// wrongWith says what was altered of a sale, or of its leaf, with the alarm; "" when both are as they were recorded and journaled.
func (r *Reader) wrongWith(ctx context.Context, row *saleRow) (wrong string, err error) {
	facts := factsOf(row)
	all, err := r.ring.Check(ctx, &intact.Row{
		Facts: facts, Earned: row.PointsEarned, Redeemed: row.PointsRedeemed, Request: row.Request, Salt: row.Salt, SaleHash: row.SaleHash, Promise: row.Promise,
	})
	if err != nil {
		return "", err
	}
	if wrong = textOf(all[0]); wrong != "" {
		r.alarm.Raise(intact.Sale, "sale_id", row.SaleID, "error", wrong)
		return wrong, nil
	}
	if row.LeafSaleHash != nil && !bytes.Equal(row.LeafSaleHash, row.SaleHash) {
		r.alarm.Raise(intact.Journal, "sale_id", row.SaleID, "error", otherLeaf)
		return otherLeaf, nil
	}
	return "", nil
}

// textOf is an error's text, "" for none.
func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

const otherLeaf = "the leaf in the anchor's journal is of another hash"

// Proof returns a sale's proof. Every hash is recomputed from the facts: if one differs from what was signed or anchored, the error has
// event.CodeAltered and no proof is handed out. It is a Conflict too while an operator must act (event.CodeParked), and while the batch is not mined,
// or not any more; an id that no sale has is Invalid.
func (r *Reader) Proof(ctx context.Context, q event.SaleQuery) (event.Proof, error) {
	row, err := one[saleRow](ctx, r, saleSQL, q.SaleID)
	if err != nil {
		return event.Proof{}, err
	}
	wrong, err := r.wrongWith(ctx, &row)
	switch {
	case err != nil:
		return event.Proof{}, err
	case wrong != "":
		return event.Proof{}, altered(row.SaleID, wrong)
	case row.BatchID == nil && row.Held != nil:
		return event.Proof{}, stream.Coded(event.CodeParked, fault.New(fault.Conflict, "the sale is parked until an operator acts: %s", reasonOf(&row)))
	}
	p, err := r.prove(ctx, &row)
	if fault.Is(err, fault.Fatal) {
		r.alarm.Raise(intact.Journal, "sale_id", row.SaleID, "error", err)
		return event.Proof{}, altered(row.SaleID, err.Error())
	}
	return p, err
}

func altered(saleID, wrong string) error {
	return stream.Coded(event.CodeAltered, fault.New(fault.Conflict, "what is stored of sale %s was changed behind the services' back: %s", saleID, wrong))
}

func (r *Reader) prove(ctx context.Context, row *saleRow) (event.Proof, error) {
	finality, mined := finalityOf(row.State)
	if row.BatchID == nil || !mined {
		return event.Proof{}, fault.New(fault.Conflict, "the sale is not mined yet")
	}
	of := batchKey{*row.Deployment, *row.BatchID}
	log, at, err := r.inLog(ctx, of)
	if err != nil {
		return event.Proof{}, err
	}
	tree, err := r.tree(ctx, of, common.BytesToHash(row.Root), int(*row.Size))
	if err != nil {
		return event.Proof{}, err
	}
	return assemble(row, tree, log, at.in, finality)
}

// finalityOf is the finality that a proof states for a batch's state.
func finalityOf(state *string) (finality string, mined bool) {
	if state == nil {
		return "", false
	}
	switch event.BatchState(*state) {
	case event.BatchMined:
		return statusMined, true
	case event.BatchFinal:
		return statusFinal, true
	case event.BatchSealed, event.BatchBroadcast, event.BatchReorged:
	}
	return "", false
}

// assemble makes the proof of a mined sale and checks it as its recipient will. Pure. Errors are Fatal and contain no facts.
func assemble(row *saleRow, tree *merkle.Tree, log contractLog, in batchlog.Included, finality string) (event.Proof, error) {
	wrong := func(what string) (event.Proof, error) {
		return event.Proof{}, fault.New(fault.Fatal, "sale %s, batch %d of deployment %d: %s", row.SaleID, *row.BatchID, *row.Deployment, what)
	}
	facts := factsOf(row)
	hash := facts.Hash()
	if !bytes.Equal(hash[:], row.SaleHash) || !bytes.Equal(hash[:], row.LeafSaleHash) {
		return wrong("the facts no longer hash to what was anchored")
	}
	if root := tree.Root(); !bytes.Equal(root[:], row.Root) {
		return wrong("the journal's root is no longer that of its leaves")
	}
	if row.AnnouncedRoot != nil && !bytes.Equal(row.AnnouncedRoot, row.Root) {
		return wrong("the anchor announced another root than it journaled")
	}
	leaf, err := leafOf(hash, *row.AmountWei)
	if err != nil {
		return wrong("the amount cannot be hashed")
	}
	index, found := tree.Index(leaf)
	if !found || index != int(*row.LeafIndex) {
		return wrong("the leaf is not at the journaled index")
	}
	if zero := money.IsZero(facts.Total); zero != (*row.AmountWei == "0") || zero != (row.RateValue == nil) {
		return wrong("a total of 0, and no other, has an amount of 0 and no rate")
	}
	rate, err := rateOf(row)
	if err != nil {
		return wrong("the rate's sources can't be read")
	}
	proof := tree.Proof(index)
	if !merkle.Verify(tree.Root(), leaf, proof) {
		return wrong("the proof does not lead to the root")
	}
	batch := batchlog.Batch{ID: uint64(*row.BatchID), Root: tree.Root(), Size: uint32(tree.Size())}
	if !batchlog.Verify(batch, in) {
		return wrong("the batch's path does not lead to the log's root")
	}
	return event.Proof{
		Sale: facts, Request: row.Request, SaleHash: hash, AmountWei: *row.AmountWei, Rate: rate, Leaf: leaf, Proof: proof,
		Batch: event.ProofBatch{
			ID: strconv.FormatInt(*row.BatchID, 10), Root: tree.Root(), Size: strconv.Itoa(tree.Size()), LeafIndex: strconv.Itoa(index),
		},
		Log:     event.ProofLog{Size: strconv.FormatUint(in.Size, 10), Root: in.Root, Path: in.Path},
		Promise: row.Promise,
		Chain: event.ProofChain{
			ChainID: *row.ChainID, Contract: common.BytesToAddress(row.Contract).Hex(), TxHash: common.BytesToHash(row.TxHash),
			BlockNumber: *row.BlockNumber, BlockHash: common.BytesToHash(row.BlockHash), DeployedBlock: log.DeployedBlock, Finality: finality,
		},
	}, nil
}

func factsOf(row *saleRow) sale.Sale {
	return sale.Sale{
		SaleID: row.SaleID, Kind: sale.Kind(row.Kind), RefundOf: row.RefundOf, StoreID: row.StoreID, TerminalID: row.TerminalID,
		RecordNumber: uint64(row.RecordNumber), PreviousHash: common.BytesToHash(row.PreviousHash), CustomerID: row.CustomerID,
		Currency: row.Currency, Total: row.Total, PointsDelta: row.PointsDelta, PointsBalance: row.PointsBalance,
		PurchaseNumber: uint64(row.PurchaseNumber), RecordedAt: uint64(row.RecordedAtUs), RequestHash: sale.Keccak(row.Request),
		Salt: common.BytesToHash(row.Salt),
	}
}

// rateOf is the rate of the conversion; nil for a total of 0, which has none.
func rateOf(row *saleRow) (*event.ProofRate, error) {
	if row.RateValue == nil {
		return nil, nil
	}
	var sources []event.RateSource
	if err := json.Unmarshal(row.RateSources, &sources); err != nil {
		return nil, err
	}
	return &event.ProofRate{
		Value: *row.RateValue, Currency: *row.RateCurrency, Tier: *row.RateTier, Sources: names(sources), ObservedAt: *row.RateObservedAt,
	}, nil
}

func names(sources []event.RateSource) []string {
	list := make([]string, len(sources))
	for i, s := range sources {
		list[i] = s.Name
	}
	return list
}

func leafOf(saleHash common.Hash, amountWei string) (common.Hash, error) {
	wei, ok := new(big.Int).SetString(amountWei, 10)
	if !ok {
		return common.Hash{}, fault.New(fault.Invalid, "the amount in wei is not an integer")
	}
	return merkle.Leaf(saleHash, wei)
}

const treeTimeout = 30 * time.Second // for reading the leaves of the largest batch

// tree returns a batch's tree, built from the journal's leaves once for all who ask at the same time, and kept. One that does not have
// the batch's root is Fatal and not kept.
func (r *Reader) tree(ctx context.Context, key batchKey, root common.Hash, size int) (*merkle.Tree, error) {
	if tree, ok := r.trees.get(key); ok {
		return tree, nil
	}
	name := strconv.FormatInt(key.deployment, 10) + "/" + strconv.FormatInt(key.batch, 10)
	built := r.trees.builds.DoChan(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), treeTimeout) // whoever asked first may leave before the others
		defer cancel()
		tree, err := r.build(ctx, key)
		if err != nil {
			return nil, err
		}
		if tree.Root() != root || tree.Size() != size {
			return nil, fault.New(fault.Fatal, "batch %s: the journal's leaves no longer hash to its root", name)
		}
		r.trees.put(key, tree)
		return tree, nil
	})
	select {
	case result := <-built:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*merkle.Tree), nil
	case <-ctx.Done():
		return nil, fault.New(fault.Transient, "build the tree of batch %s: %w", name, ctx.Err())
	}
}

func (r *Reader) build(ctx context.Context, key batchKey) (*merkle.Tree, error) {
	rows, err := r.pool.Query(ctx, leavesSQL, pgx.NamedArgs{"deployment": key.deployment, "batch_id": key.batch})
	if err != nil {
		return nil, postgres.Fault("read a batch's leaves", err)
	}
	leaves, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (common.Hash, error) {
		var hash []byte
		var wei string
		if err := row.Scan(&hash, &wei); err != nil {
			return common.Hash{}, err
		}
		return leafOf(common.BytesToHash(hash), wei)
	})
	if err != nil {
		return nil, postgres.Fault("read a batch's leaves", err)
	}
	tree, err := merkle.Build(leaves)
	if err != nil {
		return nil, fault.WithKind(fault.Fatal, err) // a batch without leaves was never sealed
	}
	return tree, nil
}
