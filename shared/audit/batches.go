package audit

import (
	"context"
	_ "embed" // the statements
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/money"
)

var (
	//go:embed sql/deployments.sql
	deploymentsSQL string
	//go:embed sql/batches.sql
	batchesSQL string
	//go:embed sql/leaves.sql
	leavesSQL string
)

// deployment is a contract with the batches that were anchored there.
type deployment struct {
	id       int64
	chainID  string
	contract common.Address
	from     int64 // the first block that can have its events

	batches []batch
	log     *batchlog.Log
	roots   []common.Hash // of the log of the first batch, the first two, and so on
	last    uint64        // the last batch of ours that is in the log
	final   *uint64       // how many batches the contract has at a final block; nil where it was not asked
	broken  bool          // it was said from which batch on the log is another
}

// batch is one as audit.batch has it.
type batch struct {
	id      uint64
	root    common.Hash
	size    int64
	ours    bool
	inLog   bool
	logRoot string
	block   int64 // 0 while it is in none
	altered bool  // its leaves do not lead to it

	youngest int64 // recorded_at of its last record, in Unix microseconds
}

// leaf is a leaf of a batch, with its record and its rate.
type leaf struct {
	index           int
	saleID          string
	hash            common.Hash
	amount          string
	saleHash        string // "" where there is no record
	currency, total string
	rate, rateOf    string // "" where it has none
	recordedUS      int64
}

// allBatches makes every batch anew from its leaves, and the log from the batches.
func (a *auditor) allBatches(ctx context.Context) error {
	var err error
	if a.deployments, err = a.readDeployments(ctx); err != nil {
		return err
	}
	a.logsGone()
	for _, d := range a.deployments {
		if err := a.batchesOf(ctx, d); err != nil {
			return err
		}
		for i := range d.batches {
			b := &d.batches[i]
			if b.ours && b.id > a.Since.log(d).Size {
				if err := a.leaves(ctx, d, b); err != nil {
					return err
				}
			}
			a.enter(d, b)
			a.report.Batches++
		}
		if err := a.logStands(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) readDeployments(ctx context.Context) (all []*deployment, err error) {
	err = a.each(ctx, "audit.deployment", deploymentsSQL, func(scan scan) error {
		d := &deployment{log: batchlog.New()}
		var contract string
		err := scan(&d.id, &d.chainID, &contract, &d.from)
		d.contract = common.HexToAddress(contract)
		all = append(all, d)
		return err
	})
	return all, err
}

func (a *auditor) batchesOf(ctx context.Context, d *deployment) error {
	return a.each(ctx, "audit.batch", batchesSQL, func(scan scan) error {
		var (
			b           batch
			root, state string
		)
		err := scan(&b.id, &root, &b.size, &state, &b.ours, &b.inLog, &b.logRoot, &b.block)
		b.root = bytesOf(root)
		d.batches = append(d.batches, b)
		return err
	}, d.id)
}

// enter adds a batch to the log that the journal's batches come to.
func (a *auditor) enter(d *deployment, b *batch) {
	found := func(kind Kind, format string, values ...any) {
		a.found(Finding{Kind: kind, Deployment: d.id, BatchID: b.id, Detail: fmt.Sprintf(format, values...)})
	}
	if !b.ours {
		found(LogDiffers, "the contract's log has a batch of another's making")
	}
	if !b.inLog {
		return
	}
	if b.ours {
		d.last = b.id
	}
	if _, err := d.log.Append(batchlog.Batch{ID: b.id, Root: b.root, Size: uint32(b.size)}); err != nil {
		found(LogAltered, "it comes after batch %d", d.log.Size())
		return
	}
	if root := d.log.Root(); bytesOf(b.logRoot) != root && !d.broken {
		if d.broken = true; !b.altered {
			found(LogAltered, "the batches up to it do not lead to the log's root that is kept")
		}
	}
	d.roots = append(d.roots, d.log.Root())
}

// leaves makes a batch's root anew, and each leaf's amount.
func (a *auditor) leaves(ctx context.Context, d *deployment, b *batch) error {
	var all []leaf
	err := a.each(ctx, "audit.batch_leaf", leavesSQL, func(scan scan) error {
		var (
			l    leaf
			hash string
		)
		err := scan(&l.index, &l.saleID, &hash, &l.amount, &l.saleHash, &l.currency, &l.total, &l.rate, &l.rateOf, &l.recordedUS)
		l.hash = bytesOf(hash)
		all = append(all, l)
		return err
	}, d.id, int64(b.id))
	if err != nil {
		return err
	}
	hashes := make([]common.Hash, 0, len(all))
	for i := range all {
		l := &all[i]
		a.leaf(d, b, l)
		b.youngest = max(b.youngest, l.recordedUS)
		wei, ok := new(big.Int).SetString(l.amount, 10)
		if !ok {
			wei = new(big.Int)
		}
		hash, err := merkle.Leaf(l.hash, wei)
		if err != nil {
			hash = common.Hash{}
		}
		hashes = append(hashes, hash)
	}
	a.root(d, b, all, hashes)
	return nil
}

// root compares a batch with what its leaves come to.
func (a *auditor) root(d *deployment, b *batch, all []leaf, hashes []common.Hash) {
	found := func(format string, values ...any) {
		b.altered = true
		a.found(Finding{Kind: BatchAltered, Deployment: d.id, BatchID: b.id, Detail: fmt.Sprintf(format, values...)})
	}
	if int64(len(all)) != b.size {
		found("it has %d leaves and should have %d", len(all), b.size)
		return
	}
	tree, err := merkle.Build(hashes)
	if err != nil || tree.Root() != b.root {
		found("its leaves do not lead to its root")
		return
	}
	for i := range all {
		if index, ok := tree.Index(hashes[i]); !ok || index != all[i].index {
			found("the leaf of sale %s stands at %d and is kept as number %d", all[i].saleID, index, all[i].index)
			return
		}
	}
}

// leaf compares a leaf with its record and its rate.
func (a *auditor) leaf(d *deployment, b *batch, l *leaf) {
	found := func(kind Kind, format string, values ...any) {
		a.found(Finding{Kind: kind, Deployment: d.id, BatchID: b.id, SaleID: l.saleID, Detail: fmt.Sprintf(format, values...)})
	}
	switch {
	case l.saleHash == "":
		found(LeafAlone, "its record is missing")
		return
	case bytesOf(l.saleHash) != l.hash:
		found(LeafAltered, "its record has another hash")
		return
	}
	if money.IsZero(l.total) {
		if l.amount != "0" || l.rate != "" {
			found(AmountWrong, "a total of 0 comes to 0 wei, at no rate")
		}
		return
	}
	total, wrong := money.ParseDecimal(l.total)
	rate, err := money.ParseDecimal(l.rate)
	if wrong != nil || err != nil || rate.IsZero() || l.rateOf != l.currency {
		found(AmountWrong, "it has no rate of its currency")
		return
	}
	if wei := money.Wei(total, rate); wei.String() != l.amount {
		found(AmountWrong, "it is %s wei, at its rate it comes to %s", l.amount, wei)
	}
}
