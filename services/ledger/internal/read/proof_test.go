package read

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/sale"
)

// provable is a sale, changed before it was hashed, in a batch of its own, with all that its proof is made of.
func provable(t *testing.T, changes ...func(*saleRow)) (saleRow, *merkle.Tree) {
	row := saleRow{
		SaleID: "01935f0e-8a7b-7c3d-9e4f-000000000001", Kind: string(sale.KindSale), StoreID: "s1", TerminalID: "t1", Currency: "INR", Total: "1.00",
		Request: []byte("{}"), Salt: common.Hash{1}.Bytes(), AmountWei: new("7"), RateValue: new("1"), RateCurrency: new("INR"), RateTier: new("static"),
		RateObservedAt: new("2026-11-22T04:45:31Z"), RateSources: []byte("[]"), Deployment: new(int64(1)), BatchID: new(int64(2)), LeafIndex: new(int32(0)),
		Size: new(int32(1)), ChainID: new("1337"), Contract: first.Bytes(), TxHash: common.Hash{2}.Bytes(), BlockHash: common.Hash{3}.Bytes(),
		BlockNumber: new("9"),
	}
	for _, change := range changes {
		change(&row)
	}
	facts := factsOf(&row)
	hash := facts.Hash()
	leaf, err := leafOf(hash, *row.AmountWei)
	require.NoError(t, err)
	tree, err := merkle.Build([]common.Hash{leaf})
	require.NoError(t, err)
	root := tree.Root()
	row.SaleHash, row.LeafSaleHash, row.Root = hash[:], hash[:], root[:]
	return row, tree
}

func TestAnAmountThatIsNotTheTotalsIsNotProved(t *testing.T) {
	for what, change := range map[string]func(*saleRow){
		"no rate":                    func(row *saleRow) { row.RateValue = nil },
		"no amount":                  func(row *saleRow) { row.AmountWei = new("0") },
		"neither":                    func(row *saleRow) { row.AmountWei, row.RateValue = new("0"), nil },
		"an amount of a total of 0":  func(row *saleRow) { row.Total, row.RateValue = "0.00", nil },
		"a rate of a total of 0":     func(row *saleRow) { row.Total, row.AmountWei = "0.00", new("0") },
		"both, with a total of zero": func(row *saleRow) { row.Total = "0.00" },
	} {
		row, tree, in := alone(t, change)
		_, err := assemble(&row, tree, contractLog{}, in, statusMined)
		require.True(t, fault.Is(err, fault.Fatal), what)
		require.ErrorContains(t, err, "has an amount of 0 and no rate", what)
	}
	row, tree, in := alone(t, func(row *saleRow) {
		row.Total, row.AmountWei, row.RateValue, row.RateSources = "0.00", new("0"), nil, nil
	})
	p, err := assemble(&row, tree, contractLog{}, in, statusMined)
	require.NoError(t, err)
	require.Nil(t, p.Rate)
}

// alone is a sale, changed before it was hashed, in the only batch of a log.
func alone(t *testing.T, change func(*saleRow)) (saleRow, *merkle.Tree, batchlog.Included) {
	row, tree := provable(t, change, func(row *saleRow) { row.BatchID = new(int64(1)) })
	batch := batchlog.Batch{ID: 1, Root: tree.Root(), Size: 1}
	return row, tree, batchlog.Included{Size: 1, Root: batch.Entry()}
}

func TestAProofIsHandedOutWithThePathOfItsBatchAlone(t *testing.T) {
	row, tree := provable(t)
	batches := []batchlog.Batch{{ID: 1, Root: common.Hash{9}, Size: 1}, {ID: 2, Root: tree.Root(), Size: 1}, {ID: 3, Root: common.Hash{8}, Size: 1}}
	log, rows := batchlog.New(), map[uint64]batchlog.Row{}
	for _, b := range batches {
		made, err := log.Append(b)
		require.NoError(t, err)
		rows[b.ID] = made
	}
	in := func(id uint64) batchlog.Included {
		at, err := batchlog.Include(id, 3, rows)
		require.NoError(t, err)
		return at
	}
	p, err := assemble(&row, tree, contractLog{DeployedBlock: "5"}, in(2), statusMined)
	require.NoError(t, err)
	require.Equal(t, log.Root(), p.Log.Root)
	require.Equal(t, in(2).Path, p.Log.Path)
	for what, wrong := range map[string]batchlog.Included{
		"another batch's path": in(1), "no path": {Size: 3, Root: log.Root()}, "another root": {Size: 3, Root: common.Hash{7}, Path: in(2).Path},
		"another size": {Size: 5, Root: log.Root(), Path: in(2).Path},
	} {
		_, err := assemble(&row, tree, contractLog{}, wrong, statusMined)
		require.True(t, fault.Is(err, fault.Fatal), "%s: %v", what, err)
	}
}
