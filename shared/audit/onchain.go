package audit

import (
	"context"
	_ "embed" // the statements
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/promise"
)

var (
	//go:embed sql/unanchored.sql
	unanchoredSQL string
	//go:embed sql/contracts.sql
	contractsSQL string
)

// onChain compares each contract's log with the one that the journal's batches come to.
func (a *auditor) onChain(ctx context.Context) error {
	if err := a.contracts(ctx); err != nil {
		return err
	}
	if a.Chain == nil {
		a.skip("the chain: no node was given", LogDiffers, NotAnchored)
		return nil
	}
	for _, d := range a.deployments {
		if err := a.compare(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) compare(ctx context.Context, d *deployment) error {
	log, err := a.log(ctx, d)
	if errors.Is(err, ErrOtherChain) {
		if d == a.deployments[len(a.deployments)-1] {
			return fmt.Errorf("no node is on chain %s, where the newest contract is, %s", printable(d.chainID), d.contract)
		}
		a.skip(fmt.Sprintf("contract %s: no node of chain %s was given", d.contract, d.chainID), LogDiffers, NotAnchored)
		return nil
	}
	if err != nil {
		return err
	}
	if at := log.Time; !at.IsZero() && a.Now.Sub(at) > finalWithin {
		return fmt.Errorf("the final block of chain %s is of %s: its node is behind, or nothing has been final since", printable(d.chainID), at.Format(time.RFC3339))
	}
	found := func(batch uint64, format string, values ...any) {
		a.found(Finding{Kind: LogDiffers, Deployment: d.id, BatchID: batch, Detail: fmt.Sprintf(format, values...)})
	}
	a.report.Contracts = append(a.report.Contracts, Compared{
		ChainID: d.chainID, Contract: d.contract.Hex(), Batches: log.Size, Root: log.Root.Hex(), Block: log.Block,
	})
	have, due := uint64(len(d.roots)), d.due(log.Block)
	switch {
	case log.OtherCode:
		found(0, "the code at %s is not SaleAnchor's", d.contract)
		return nil
	case log.Size < due:
		found(log.Size+1, "the contract has %d batches at block %d, and by then should have %d", log.Size, log.Block, due)
	case log.Size > have && a.behind(d, log, found):
		return nil
	case log.Size > have:
		found(have+1, "the contract has %d batches at block %d, the journal %d", log.Size, log.Block, have)
	}
	if log.Size == 0 || log.Size <= have && d.roots[log.Size-1] == log.Root {
		if log.Size >= due {
			d.final = &log.Size
		}
		return nil
	}
	return a.firstDifference(ctx, d, log, found)
}

// behind reports whether what the contract has beyond the journal's mined batches are the journal's next ones: the anchor was away when they were
// mined. Of records that are old that is a finding, since the anchor would long have come back.
func (a *auditor) behind(d *deployment, log Log, found func(uint64, string, ...any)) bool {
	first, youngest := uint64(len(d.roots))+1, int64(0)
	for id := first; id <= log.Size; id++ {
		i := slices.IndexFunc(d.batches, func(b batch) bool { return b.id == id && b.ours && !b.inLog })
		if i < 0 {
			return false
		}
		b := &d.batches[i]
		if _, err := d.log.Append(batchlog.Batch{ID: id, Root: b.root, Size: uint32(b.size)}); err != nil {
			return false
		}
		youngest = max(youngest, b.youngest)
	}
	if d.log.Root() != log.Root {
		return false
	}
	d.last = max(d.last, log.Size)
	says := fmt.Sprintf("contract %s has batches %d to %d at block %d, and the journal does not say that they are mined", d.contract, first, log.Size, log.Block)
	if youngest < a.Now.Add(-finalWithin).UnixMicro() {
		found(first, "%s, though their records are of more than a day ago", says)
	} else {
		a.skip("whether the anchor works: " + says + " yet")
	}
	return true
}

// log is a contract's log, as it was before the snapshot where the snapshot knows it.
func (a *auditor) log(ctx context.Context, d *deployment) (Log, error) {
	if seen, ok := a.before[place{d.chainID, d.contract}]; ok {
		return seen.log, seen.err
	}
	return a.Chain.Log(ctx, d.chainID, d.contract)
}

// due is how many batches the contract's log should have at a block, as the journal says.
func (d *deployment) due(block uint64) (n uint64) {
	for i := range d.batches {
		if b := &d.batches[i]; b.inLog && b.block > 0 && uint64(b.block) <= block {
			n = max(n, b.id)
		}
	}
	return n
}

// contracts requires that the contracts are those that the shop has published, no other and none missing.
func (a *auditor) contracts(ctx context.Context) error {
	if len(a.Published) == 0 {
		return nil
	}
	for _, d := range a.deployments {
		if !slices.Contains(a.Published, d.contract) {
			a.found(Finding{Kind: ContractOther, Deployment: d.id, Detail: fmt.Sprintf("contract %s is none that was published", d.contract)})
		}
	}
	missing := slices.Clone(a.Published)
	err := a.each(ctx, "audit.deployment", contractsSQL, func(scan scan) error {
		var contract string
		err := scan(&contract)
		missing = slices.DeleteFunc(missing, func(p common.Address) bool { return p == common.HexToAddress(contract) })
		return err
	})
	for _, contract := range missing {
		a.found(Finding{Kind: ContractOther, Detail: fmt.Sprintf("contract %s was published, and the shop's records know nothing of it", contract)})
	}
	return err
}

// errStop ends a walk through events early.
var errStop = errors.New("found")

// firstDifference names the first batch at which the contract's log is another than the journal's.
func (a *auditor) firstDifference(ctx context.Context, d *deployment, log Log, found func(uint64, string, ...any)) error {
	entries := make(map[uint64]*batch)
	for i := range d.batches {
		if d.batches[i].inLog {
			entries[d.batches[i].id] = &d.batches[i]
		}
	}
	named, next := false, uint64(1)
	differs := func(said Announced) error {
		b := entries[said.ID]
		switch {
		case said.ID != next:
			return errStop // the events began before
		case b == nil:
			return errStop // said above
		}
		next++
		if named = b.root != said.Root || b.size != int64(said.Size); named {
			found(said.ID, "it is the first batch of which the contract's event says something else")
			return errStop
		}
		return nil
	}
	// Where the events begin is what the shop says; if that does not lead there, they are read from the first block on.
	for _, from := range []uint64{uint64(max(d.from, 0)), 0} {
		err := a.Chain.Batches(ctx, d.chainID, d.contract, from, log, differs)
		if err != nil && !errors.Is(err, errStop) {
			return err
		}
		if named || log.Size > uint64(len(d.roots)) {
			return nil
		}
		next = 1
	}
	found(0, "the contract has another log, and its events do not tell from which batch on")
	return nil
}

// finalWithin is how long a mined batch may take to be final, which takes minutes on most chains and hours on some that settle on another one.
const finalWithin = 24 * time.Hour

// aheadAtMost is how far a gateway's clock may be ahead. A record of a later time would never be due.
const aheadAtMost = time.Hour

// unanchored finds records that stand in no mined batch though their time has come, and whose promises are past.
func (a *auditor) unanchored(ctx context.Context) error {
	ids, last, final := make([]int64, len(a.deployments)), make([]int64, len(a.deployments)), make([]int64, len(a.deployments))
	for i, d := range a.deployments {
		ids[i], last[i], final[i] = d.id, int64(d.last), int64(d.last)
		if d.final != nil {
			final[i] = int64(min(d.last, *d.final))
		}
	}
	before := a.Now.Add(-a.AnchoredWithin)
	finalBefore, from := before.Add(-finalWithin), int64(math.MinInt64)
	if a.Since != nil { // what was older then was named then
		from = a.Since.At.Add(-a.AnchoredWithin - finalWithin).UnixMicro()
	}
	return a.parts(ctx, from, func(from, to int64) error {
		return a.each(ctx, "audit.sale", unanchoredSQL, func(scan scan) error {
			var (
				f      Finding
				at     int64
				answer []byte
				mined  bool
			)
			if err := scan(&f.SaleID, &f.TerminalID, &f.Number, &at, &answer, &mined); err != nil {
				return err
			}
			in := "stands in no mined batch"
			if mined {
				in = "stands in a batch that the journal calls mined and no final block has"
			}
			f.Kind, f.Detail = NotAnchored, fmt.Sprintf("it was recorded at %s and %s", time.UnixMicro(at).UTC().Format(time.RFC3339), in)
			if said, err := promise.Inspect(intact.PromiseIn(answer)); err == nil && said.AnchorBy < a.Now.Unix() && !mined { // which may be so
				f.Kind = PromiseBroken
				f.Detail += fmt.Sprintf(", though that was promised by %s", time.Unix(said.AnchorBy, 0).UTC().Format(time.RFC3339))
			}
			a.found(f)
			return nil
		}, before.UnixMicro(), ids, last, from, a.Now.Add(aheadAtMost).UnixMicro(), final, finalBefore.UnixMicro(), to)
	})
}

// ErrOtherChain is what a Chain says of a contract that is not on it.
var ErrOtherChain = errors.New("the contract is not on this chain")
