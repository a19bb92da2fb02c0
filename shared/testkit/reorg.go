package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
)

// Reorganize shows every block from height on as another one with the same transactions and state, as after a reorg that mined
// them all again at the same heights; Clear shows the chain's own blocks again. The blocks shown don't name each other as
// parents, which no client of ours asks. The hook of "*" is replaced; what has a hook of its own is not shown otherwise.
func (p *Proxy) Reorganize(height uint64) {
	r := &reorg{from: height, real: map[common.Hash]common.Hash{}}
	p.On("*", func(_ context.Context, call Call, next func(Call) Reply) Reply {
		reply, err := r.show(call, next)
		if err != nil {
			return Reply{Error: &RPCError{Code: -32000, Message: err.Error()}}
		}
		return reply
	})
}

type reorg struct {
	from uint64

	mu   sync.Mutex
	real map[common.Hash]common.Hash // by the hash that is shown
}

func (r *reorg) show(call Call, next func(Call) Reply) (Reply, error) {
	for i := range call.Params {
		call.Params[i] = r.toReal(call.Params[i])
	}
	reply := next(call)
	if reply.Error != nil || reply.Lost || len(reply.Result) == 0 || bytes.Equal(reply.Result, []byte("null")) {
		return reply, nil
	}
	var err error
	switch call.Method {
	case "eth_getBlockByNumber", "eth_getBlockByHash":
		reply.Result, _, err = r.block(reply.Result)
	case "eth_getTransactionReceipt":
		reply.Result, err = r.placed(reply.Result, next)
	case "eth_getLogs":
		var logs []json.RawMessage
		if err = json.Unmarshal(reply.Result, &logs); err != nil {
			return reply, err
		}
		for i := range logs {
			if logs[i], err = r.placed(logs[i], next); err != nil {
				return reply, err
			}
		}
		reply.Result, err = json.Marshal(logs)
	}
	return reply, err
}

func (r *reorg) toReal(param json.RawMessage) json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	for shown, real := range r.real {
		param = bytes.ReplaceAll(param, []byte(shown.Hex()), []byte(real.Hex()))
	}
	return param
}

// block rewrites a block's reply and returns the hash that it has then.
func (r *reorg) block(raw json.RawMessage) (json.RawMessage, common.Hash, error) {
	var header types.Header
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &header); err != nil {
		return nil, common.Hash{}, fmt.Errorf("read a header: %w", err)
	}
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, common.Hash{}, fmt.Errorf("read a block: %w", err)
	}
	real := header.Hash()
	if header.Number.Uint64() < r.from {
		return raw, real, nil
	}
	header.Extra = fmt.Appendf(nil, "fork at %d", r.from)
	shown := header.Hash()
	r.mu.Lock()
	r.real[shown] = real
	r.mu.Unlock()
	members["extraData"] = fmt.Appendf(nil, "%q", hexutil.Encode(header.Extra))
	members["hash"] = fmt.Appendf(nil, "%q", shown.Hex())
	raw, err := json.Marshal(members)
	return raw, shown, err
}

// placed rewrites a receipt or a log, which names its block.
func (r *reorg) placed(raw json.RawMessage, next func(Call) Reply) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("read what names a block: %w", err)
	}
	reply := next(Call{Method: "eth_getBlockByNumber", Params: []json.RawMessage{members["blockNumber"], json.RawMessage("false")}})
	if reply.Error != nil || reply.Result == nil {
		return nil, fmt.Errorf("block %s: %v", members["blockNumber"], reply.Error)
	}
	_, shown, err := r.block(reply.Result)
	if err != nil {
		return nil, err
	}
	members["blockHash"] = fmt.Appendf(nil, "%q", shown.Hex())
	return json.Marshal(members)
}
