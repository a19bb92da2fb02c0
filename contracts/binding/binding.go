// Package binding is the SaleAnchor contract for Go: calldata, answers, events, errors and code, without a connection.
//
// saleanchor.go is go-ethereum's generated binding; [NewSaleAnchor] packs and unpacks:
//
//	c := binding.NewSaleAnchor()
//	data := c.PackAnchor(batchID, root, size)          // a transaction's input
//	root, err := c.UnpackLogRoot(answer)               // the answer to an eth_call with c.PackLogRoot()
//	said, err := c.UnpackBatchAnchoredEvent(log)       // checks the topics; the log's address is the caller's to check
//
// The SaleAnchor.* files and saleanchor.go are made from contracts/src by `npm run generate`, and a test says when they
// are not what the sources give.
package binding

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/common"
)

//go:generate npm --prefix .. run --silent generate

//go:embed SaleAnchor.bin-runtime
var runtimeHex string

var runtimeCode = sync.OnceValue(func() []byte {
	return mustDecode("SaleAnchor.bin-runtime", runtimeHex)
})

var creationCode = sync.OnceValue(func() []byte {
	return mustDecode("SaleAnchorMetaData.Bin", strings.TrimPrefix(SaleAnchorMetaData.Bin, "0x"))
})

// RuntimeCode returns the code that eth_getCode answers for a SaleAnchor of this build, as a copy. It is the same for
// every deployment on every chain: the contract has no immutables, and the compiler appends no metadata. Other code at
// an address is another contract, or another version of this one.
func RuntimeCode() []byte {
	return slices.Clone(runtimeCode())
}

// DeployData returns the input of the transaction that deploys a SaleAnchor: the creation code and its arguments.
// owner may replace the anchorer; anchorer is the only one who may anchor. The chain reverts if either is zero.
func DeployData(owner, anchorer common.Address) []byte {
	return append(slices.Clone(creationCode()), NewSaleAnchor().PackConstructor(owner, anchorer)...)
}

// Room for anchor(): 1.5 times to twice what a batch uses under the dearest rules, as
// TestTheGasLimitIsEnoughForAnyBatchAndNotFarTooMuch has it; testdata/gas.txt shows what that is.
const (
	gasOfAnyBatch = 90_000
	gasOfAMerge   = 5_000
	gasOfANewSlot = 150_000 // 17,100 more than one written before, and 97,920 by EIP-8037
)

// AnchorGas returns the gas limit of the transaction that anchors a batch, from 1. It is not estimated: an estimate fails
// once another transaction has anchored the batch, and the log's shape tells what this very batch takes, whatever the
// fork: one slot is read for each peak that it merges, and a power of two has the first peak of its height.
func AnchorGas(batchID uint64) uint64 {
	limit := gasOfAnyBatch + gasOfAMerge*uint64(bits.TrailingZeros64(batchID))
	if bits.OnesCount64(batchID) == 1 {
		limit += gasOfANewSlot
	}
	return limit
}

// BatchAnchoredTopics returns the topics of an eth_getLogs filter that finds the events of some batches, or of all when
// none is named. At most one log of a deployment matches each.
func BatchAnchoredTopics(batchIDs ...uint64) [][]common.Hash {
	abi := NewSaleAnchor().GetABI()
	topics := [][]common.Hash{{abi.Events[SaleAnchorBatchAnchoredEventName].ID}}
	if len(batchIDs) > 0 {
		ids := make([]common.Hash, len(batchIDs))
		for i, id := range batchIDs {
			ids[i] = common.BigToHash(new(big.Int).SetUint64(id))
		}
		topics = append(topics, ids)
	}
	return topics
}

// UnpackRevert returns which of the contract's errors a revert's data holds: *SaleAnchorWrongBatchId, *SaleAnchorNotAnchorer
// and so on. It fails for data that is none of them, such as the empty data of a call to an address without code, where
// the generated UnpackError would panic.
func UnpackRevert(data []byte) (any, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("a revert of %d bytes is no error of SaleAnchor", len(data))
	}
	reason, err := NewSaleAnchor().UnpackError(data)
	if err != nil {
		return nil, fmt.Errorf("unpack revert 0x%x: %w", data[:4], err)
	}
	return reason, nil
}

// mustDecode panics only on a broken build, which the tests of this package refuse.
func mustDecode(name, text string) []byte {
	code, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil {
		panic(fmt.Sprintf("%s is not hex: %v", name, err))
	}
	return code
}
