package testkit

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/tillseal/tillseal/shared/wait"
)

// Drop lets the call reach the node and loses the reply.
func Drop() Hook {
	return func(_ context.Context, call Call, next func(Call) Reply) Reply {
		next(call)
		return Reply{Lost: true}
	}
}

// Lose loses the call on its way to the node.
func Lose() Hook {
	return func(context.Context, Call, func(Call) Reply) Reply { return Reply{Lost: true} }
}

// Refuse answers with a JSON-RPC error; the node sees nothing.
func Refuse(message string) Hook {
	return func(context.Context, Call, func(Call) Reply) Reply {
		return Reply{Error: &RPCError{Code: -32000, Message: message}}
	}
}

// Status answers with an HTTP status, 429 for instance; the node sees nothing.
func Status(status int) Hook {
	return func(context.Context, Call, func(Call) Reply) Reply { return Reply{Status: status} }
}

// Swallow accepts a transaction of eth_sendRawTransaction, answers its hash and forgets it.
func Swallow() Hook {
	return func(_ context.Context, call Call, _ func(Call) Reply) Reply {
		refuse := func(err error) Reply { return Reply{Error: &RPCError{Code: -32602, Message: err.Error()}} }
		if len(call.Params) != 1 {
			return refuse(fmt.Errorf("%s takes one argument", call.Method))
		}
		var raw hexutil.Bytes
		if err := json.Unmarshal(call.Params[0], &raw); err != nil {
			return refuse(err)
		}
		tx := new(types.Transaction)
		if err := tx.UnmarshalBinary(raw); err != nil {
			return refuse(err)
		}
		hash, err := json.Marshal(tx.Hash())
		if err != nil {
			return refuse(err)
		}
		return Reply{Result: hash}
	}
}

// Delay forwards the call after d, or loses it when the caller gives up before.
func Delay(d time.Duration) Hook {
	return func(ctx context.Context, call Call, next func(Call) Reply) Reply {
		if !wait.Pause(ctx, d) {
			return Reply{Lost: true}
		}
		return next(call)
	}
}

// Off answers a quantity, such as eth_getTransactionCount's, off by n.
func Off(n int64) Hook {
	return func(_ context.Context, call Call, next func(Call) Reply) Reply {
		reply := next(call)
		right, err := quantity(reply.Result)
		if err != nil {
			return reply
		}
		wrong, err := json.Marshal(hexutil.Uint64(max(0, int64(right)+n)))
		if err != nil {
			return Reply{Error: &RPCError{Code: -32000, Message: err.Error()}}
		}
		return Reply{Result: wrong}
	}
}

// EverySecond applies hook to the first call, the third and so on, and forwards the others.
func EverySecond(hook Hook) Hook {
	var seen atomic.Int64
	return func(ctx context.Context, call Call, next func(Call) Reply) Reply {
		if seen.Add(1)%2 == 1 {
			return hook(ctx, call, next)
		}
		return next(call)
	}
}

// Times applies hook to the first n calls and forwards the others.
func Times(n int64, hook Hook) Hook {
	var seen atomic.Int64
	return func(ctx context.Context, call Call, next func(Call) Reply) Reply {
		if seen.Add(1) <= n {
			return hook(ctx, call, next)
		}
		return next(call)
	}
}

// Behind makes the proxy a node that lags: its head, and what "latest" means in any call, is n blocks behind; the
// hooks of eth_blockNumber and "*" are replaced. What names a block or a transaction by its hash is still found.
func (p *Proxy) Behind(n uint64) {
	p.On("eth_blockNumber", func(_ context.Context, call Call, next func(Call) Reply) Reply {
		head, err := staleHead(next(call), n)
		if err != nil {
			return Reply{Error: &RPCError{Code: -32000, Message: err.Error()}}
		}
		return Reply{Result: head}
	})
	p.On("*", func(_ context.Context, call Call, next func(Call) Reply) Reply {
		for i, param := range call.Params {
			if string(param) != `"latest"` {
				continue
			}
			head, err := staleHead(next(Call{Method: "eth_blockNumber"}), n)
			if err != nil {
				return Reply{Error: &RPCError{Code: -32000, Message: err.Error()}}
			}
			call.Params[i] = head
		}
		return next(call)
	})
}

func staleHead(reply Reply, n uint64) (json.RawMessage, error) {
	head, err := quantity(reply.Result)
	if err != nil {
		return nil, err
	}
	return json.Marshal(hexutil.Uint64(head - min(n, head)))
}
