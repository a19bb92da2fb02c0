package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

// few is a provider that searches so many blocks at most.
func few(blocks uint64) testkit.Hook {
	return func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		var filter struct{ FromBlock, ToBlock string }
		if err := json.Unmarshal(call.Params[0], &filter); err != nil {
			return testkit.Reply{Error: &testkit.RPCError{Code: -32602, Message: err.Error()}}
		}
		from, _ := strconv.ParseUint(filter.FromBlock, 0, 64)
		to, _ := strconv.ParseUint(filter.ToBlock, 0, 64)
		if to-from >= blocks {
			return testkit.Reply{Error: &testkit.RPCError{Code: -32005, Message: "too many blocks"}}
		}
		return next(call)
	}
}

func TestEventsAreReadAsTheProviderAllows(t *testing.T) {
	s := setup(t)
	p := s.sold()
	for range 40 {
		s.follow(1)
	}
	for name, c := range map[string]struct {
		hook  testkit.Hook
		way   string
		calls int
	}{
		"a thousand blocks":      {few(1000), byEvents, 1},
		"ten":                    {few(10), byEvents, 7 + 6},
		"eight":                  {few(8), byEvents, 7 + 6},
		"seven":                  {few(7), byReceipt, 8},
		"none at all":            {testkit.Refuse("history is pruned"), byReceipt, 8},
		"one that is busy":       {testkit.Times(2, testkit.Status(429)), byEvents, 3},
		"one that is always so":  {testkit.Status(503), byReceipt, 4},
		"one whose answer is no": {testkit.Status(413), byReceipt, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := testkit.RPCProxy(t, s.chain.URL())
			proxy.On("eth_getLogs", c.hook)
			s.requireWay(c.way, p, proxy.URL(), verify.Options{})
			require.Equal(t, c.calls, proxy.Calls("eth_getLogs"))
		})
	}
}

func TestEventsThatDoNotAddUpAreOfNoUse(t *testing.T) {
	s := setup(t)
	p := s.sold()
	s.follow(5)
	logs := func(change func([]json.RawMessage) []json.RawMessage) testkit.Hook {
		return func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
			reply := next(call)
			var all []json.RawMessage
			if err := json.Unmarshal(reply.Result, &all); err != nil {
				return testkit.Reply{Error: &testkit.RPCError{Code: -32700, Message: err.Error()}}
			}
			reply.Result, _ = json.Marshal(change(all))
			return reply
		}
	}
	with := func(old, with string) testkit.Hook {
		return logs(func(all []json.RawMessage) []json.RawMessage {
			all[4] = bytes.ReplaceAll(all[4], []byte(old), []byte(with))
			return all
		})
	}
	hash := sale.Keccak([]byte("another"))
	for name, c := range map[string]struct {
		hook testkit.Hook
		why  string
	}{
		"none":             {logs(func([]json.RawMessage) []json.RawMessage { return nil }), "they end with batch 0 of 6"},
		"the last missing": {logs(func(all []json.RawMessage) []json.RawMessage { return all[:5] }), "they end with batch 5 of 6"},
		"one missing": {
			logs(func(all []json.RawMessage) []json.RawMessage { return append(all[:2], all[3:]...) }), "batch 4 follows 2",
		},
		"one twice":           {logs(func(all []json.RawMessage) []json.RawMessage { return append(all[:3], all[2:]...) }), "batch 3 follows 3"},
		"another root":        {with(s.batches[5].Root.Hex(), hash.Hex()), "they do not give the contract's logRoot"},
		"another size":        {with(word(int64(s.batches[5].Size)), word(99)), "they do not give the contract's logRoot"},
		"of another contract": {with(strings.ToLower(s.contract.Hex()), common.Address{1}.Hex()), "one is not the contract's BatchAnchored"},
		"another event":       {with(`"topics":["0x`, `"topics":["0xff`), "the answer cannot be read"},
		"no event":            {logs(func(all []json.RawMessage) []json.RawMessage { all[1] = nil; return all }), "the answer cannot be read"},
		"no topics": {
			logs(func(all []json.RawMessage) []json.RawMessage {
				all[1] = json.RawMessage(strings.Replace(string(all[1]), `"topics":[`, `"topics":[],"more":[`, 1))
				return all
			}), "one is not the contract's BatchAnchored",
		},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := testkit.RPCProxy(t, s.chain.URL())
			proxy.On("eth_getLogs", c.hook)
			require.Contains(t, s.requireWay(byReceipt, p, proxy.URL(), verify.Options{}), "(events: "+c.why+")")
		})
	}
	t.Run("read from a wrong block on", func(t *testing.T) {
		p := p
		p.Chain.DeployedBlock = p.Chain.BlockNumber
		s.requireWay(byEvents, p, s.chain.URL(), verify.Options{})
		p = s.sold()
		p.Chain.DeployedBlock = p.Chain.BlockNumber
		s.follow(1)
		require.Contains(t, s.requireWay(byReceipt, p, s.chain.URL(), verify.Options{}), "(events: batch 7 follows 0)")
	})
}

func TestALongSearchSaysHowFarItIs(t *testing.T) {
	s := setup(t)
	p := s.sold()
	for range 12 {
		s.follow(1)
	}
	proxy := testkit.RPCProxy(t, s.chain.URL())
	allow := few(8)
	slow := testkit.Times(1, testkit.Delay(2100*time.Millisecond))
	proxy.On("eth_getLogs", func(ctx context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		if reply := allow(ctx, call, next); reply.Error != nil {
			return reply
		}
		return slow(ctx, call, next)
	})
	var out, progress bytes.Buffer
	require.Zero(t, verify.Main(t.Context(), []string{"-rpc", proxy.URL()}, nil, bytes.NewReader(encode(t, p)), &out, &progress), out.String())
	require.Contains(t, out.String(), byEvents)
	require.Equal(t, "the contract's events: block 10 of 15, batch 7 of 13\n", progress.String())
}

func TestASearchThatIsInterruptedDecidesNothing(t *testing.T) {
	s := setup(t)
	p := s.sold()
	s.follow(1)
	ctx, cancel := context.WithCancel(t.Context())
	proxy := testkit.RPCProxy(t, s.chain.URL())
	proxy.On("eth_getLogs", func(context.Context, testkit.Call, func(testkit.Call) testkit.Reply) testkit.Reply {
		cancel()
		return testkit.Reply{Lost: true}
	})
	chain, err := node.Dial(ctx, proxy.URL())
	require.NoError(t, err)
	defer chain.Close()
	var out bytes.Buffer
	_, err = verify.Run(ctx, encode(t, p), chain, verify.Options{}, &out)
	require.EqualError(t, err, "log_root: interrupted")
	require.NotContains(t, out.String(), "log_root")
}
