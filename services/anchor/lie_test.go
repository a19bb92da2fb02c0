package anchor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/testkit"
)

// about applies a hook to the calls whose first argument is one.
func about(argument string, hook testkit.Hook) testkit.Hook {
	return func(ctx context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		if string(call.Params[0]) != argument {
			return next(call)
		}
		return hook(ctx, call, next)
	}
}

// answered is a hook that gives the node's answer with one word replaced by another.
func answered(instead, word string) testkit.Hook {
	return func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		reply := next(call)
		reply.Result = bytes.Replace(reply.Result, []byte(instead), []byte(word), 1)
		return reply
	}
}

func answers(result string) testkit.Hook {
	return func(context.Context, testkit.Call, func(testkit.Call) testkit.Reply) testkit.Reply {
		return testkit.Reply{Result: json.RawMessage(result)}
	}
}

// The anchor has one node, and nobody starts it again.
func TestWhatTheOnlyNodeLiedAboutIsNotHeldAgainstItOnceItTellsTheTruth(t *testing.T) {
	t.Parallel()
	h := setup(t)
	proxy := h.behind(1)[0]
	stop := h.start()
	sold := h.sell(2)
	h.anchored(sold, nil)
	require.NoError(t, h.chain.Finalize())
	testkit.Eventually(t, soon, "a batch is final, so that a contract without it is impossible", func() error {
		if h.ask("SELECT count(*)::text FROM anchor.batch_event WHERE state = 'final'") == "0" {
			return errors.New("none")
		}
		return nil
	})
	require.NoError(t, stop())
	h.cfg.Deploy = false // so that a chain without a contract in the journal stops the anchor

	const often = 5 // answers: for more checks than stop the anchor on the right chain
	for _, lie := range []struct {
		name, method string
		hook         testkit.Hook
	}{
		{"the genesis block is another", "eth_getBlockByNumber", about(`"0x0"`, testkit.Times(often, answered(`"nonce":"0x0`, `"nonce":"0x1`)))},
		{"the chain is another, and of value", "eth_chainId", testkit.Times(often, answers(`"0x1"`))},
		{"there is no contract", "eth_getCode", testkit.Times(2, answers(`"0x"`))},
		{
			"the contract has no batch and another anchorer", "eth_call",
			testkit.Times(2*often, answers(`"0x0000000000000000000000000000000000000000000000000000000000000001"`)), // two calls a check
		},
		{"blocks have no fee", "eth_getBlockByNumber", about(`"latest"`, testkit.Times(2, answered(`"baseFeePerGas"`, `"noFee"`)))},
	} {
		proxy.On(lie.method, lie.hook)
		stop := h.start()
		more := h.sell(2)
		h.anchored(more, nil)
		sold = append(sold, more...)
		require.NoError(t, stop(), lie.name)
		proxy.Clear()
	}
	h.verify(sold, h.anchored(sold, nil))
	require.Equal(t, "1", h.ask("SELECT count(*)::text FROM anchor.deployment"))
}
