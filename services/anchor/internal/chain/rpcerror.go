package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/contracts/binding"
)

// hide drops what an RPC client's error may show of a URL: Go's HTTP errors quote it.
func hide(err error) error {
	if answered, ok := errors.AsType[rpc.Error](err); ok {
		return fmt.Errorf("the node answered: %s", answered.Error())
	}
	if status, ok := errors.AsType[rpc.HTTPError](err); ok {
		return fmt.Errorf("the node answered: %s", status.Status)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return errors.New("no connection")
}

// revertedCode is JSON-RPC's error code of a revert (execution-apis, eth_call).
const revertedCode = 3

// revertReason names the contract's error with which an eth_call was answered.
func revertReason(err error) (string, bool) {
	answered, ok := errors.AsType[rpc.Error](err)
	reverted := ok && answered.ErrorCode() == revertedCode
	data, ok := errors.AsType[rpc.DataError](err)
	if !ok {
		return "it reverts", reverted
	}
	text, ok := data.ErrorData().(string)
	if !ok {
		return "it reverts", reverted
	}
	raw, decodeErr := hexutil.Decode(text)
	if decodeErr != nil {
		return "it reverts", reverted
	}
	reason, unpackErr := binding.UnpackRevert(raw)
	if unpackErr != nil {
		return "0x" + common.Bytes2Hex(raw), true
	}
	return fmt.Sprintf("%T%+v", reason, reason), true
}
