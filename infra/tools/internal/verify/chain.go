package verify

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/shared/promise"
)

// view is what was answered; each step's ask adds to it.
type view struct {
	chainID   *big.Int
	head      node.Block // the one at which the contract is read
	code      []byte
	log       node.Head
	route     route
	contained bool
	accepted  bool
	receipt   *types.Receipt // nil: the chain does not know the transaction
	canonical *node.Block    // nil: the chain is not that high
	finalized *node.Block    // nil: nothing is final yet
	keys      *promise.Set   // nil: signatures are not checked
	note      string         // what this step's line says besides its promise
}

func checkChainID(p proof, v view) error {
	if v.chainID.Cmp(p.chainID) != 0 {
		return fmt.Errorf("the node is on chain %s, not %s", v.chainID, p.chainID)
	}
	return nil
}

func checkContract(p proof, v view) error {
	switch {
	case p.published != nil && *p.published != p.contract:
		return fmt.Errorf("the proof names contract %s, not the published %s", p.contract, *p.published)
	case len(v.code) == 0:
		return errors.New("there is no contract at this address")
	case !bytes.Equal(v.code, binding.RuntimeCode()):
		return errors.New("the code at this address is not this SaleAnchor's")
	}
	return nil
}

func checkLogRoot(p proof, v view) error {
	switch r := v.route; {
	case v.log.Size < p.batchID:
		return fmt.Errorf("the contract's log has size %d: it does not hold batch %d", v.log.Size, p.batchID)
	case r.other != nil:
		return fmt.Errorf("the contract's log of size %d, rebuilt from its events, has another batch %d: root %s, size %d",
			v.log.Size, p.batchID, r.other.Root, r.other.Size)
	case !r.found():
		return skipError(fmt.Sprintf("no path in the contract's log of size %d%s: the log was not checked, the batch is judged by its event alone",
			v.log.Size, r.unused()))
	}
	return nil
}

const errNoPath = skipError("there is no path to ask with")

func checkContains(_ proof, v view) error {
	switch {
	case !v.route.found():
		return errNoPath
	case !v.contained:
		return errors.New("the contract does not hold the batch")
	}
	return nil
}

func checkVerify(_ proof, v view) error {
	switch {
	case !v.route.found():
		return errNoPath
	case !v.accepted:
		return errors.New("the contract does not accept it")
	}
	return nil
}

func checkTransaction(p proof, v view) error {
	r := v.receipt
	switch {
	case r == nil:
		return errors.New("the chain does not know the transaction")
	case r.Status != types.ReceiptStatusSuccessful:
		return errors.New("the transaction failed")
	}
	emitted := anchored(p, r.Logs)
	switch {
	case emitted == nil:
		return errors.New("it did not anchor this batch")
	case common.Hash(emitted.Root) != p.Batch.Root:
		return errors.New("it anchored another root")
	case uint64(emitted.Size) != p.size:
		return fmt.Errorf("it anchored a batch of %d, not %d", emitted.Size, p.size)
	}
	return nil
}

// anchored finds the event that the proof's contract emitted about the batch; nil when there is none. There is one at most.
func anchored(p proof, logs []*types.Log) *binding.SaleAnchorBatchAnchored {
	for _, log := range logs {
		if log == nil || log.Address != p.contract { // a node may answer whatever it likes
			continue
		}
		// Another event of the contract does not unpack.
		if emitted, err := binding.NewSaleAnchor().UnpackBatchAnchoredEvent(log); err == nil && emitted.BatchId == p.batchID {
			return emitted
		}
	}
	return nil
}

func checkBlock(p proof, v view) error {
	switch {
	case v.receipt.BlockNumber == nil || v.receipt.BlockNumber.Cmp(new(big.Int).SetUint64(p.blockNumber)) != 0:
		return fmt.Errorf("the transaction is in block %s, not %d", v.receipt.BlockNumber, p.blockNumber)
	case v.receipt.BlockHash != p.Chain.BlockHash:
		return errors.New("the transaction is in a block with another hash")
	case v.canonical == nil || v.canonical.Hash != p.Chain.BlockHash:
		return errors.New("the block is not on the chain (any more)")
	}
	return nil
}

const claimedFinal = "final"

func checkFinality(p proof, v view) error {
	switch {
	case p.Chain.Finality != claimedFinal: // that it is mined the step "block" has shown
		return nil
	case v.finalized == nil:
		return errors.New("the chain has no finalized block yet")
	case v.finalized.Number < p.blockNumber:
		return fmt.Errorf("the finalized block is %d, below %d", v.finalized.Number, p.blockNumber)
	}
	return nil
}
