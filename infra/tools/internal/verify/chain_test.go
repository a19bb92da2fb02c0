package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestFinalIsBelievedOnceTheChainSaysSo(t *testing.T) {
	s := setup(t)
	p := s.sold()
	p.Chain.Finality = "final"
	require.Equal(t, "finality", s.verify(encode(t, p)).Step)
	require.NoError(t, s.chain.Finalize())
	require.True(t, s.verify(encode(t, p)).Valid())
	later := s.prove(tea(), record, p.AmountWei, 1)
	later.Chain.Finality = "final"
	require.Equal(t, "finality", s.verify(encode(t, later)).Step)
}

func TestAReorgedProofIsInvalid(t *testing.T) {
	s := setup(t)
	p := s.sold()
	s.chain.Commit()
	block, err := s.client.HeaderByHash(t.Context(), p.Chain.BlockHash)
	require.NoError(t, err)
	require.NoError(t, s.chain.Fork(block.ParentHash))
	require.NoError(t, s.chain.DropPending())
	s.chain.Commit()
	require.Equal(t, "log_root", s.verify(encode(t, p)).Step)
}

// Each answer of the node counts by itself.
func TestEveryAnswerOfTheChainMustAgree(t *testing.T) {
	s := setup(t)
	p := s.sold()
	s.chain.Commit()
	raw, other := encode(t, p), sale.Keccak([]byte("another")).Hex()
	for _, c := range []struct{ name, method, asked, old, with, step string }{
		{"an empty log", "eth_call", selector("nextBatchId"), word(2), word(1), "log_root"},
		{"no next batch", "eth_call", selector("nextBatchId"), word(2), word(0), "log_root"},
		{"contains answers false", "eth_call", selector("contains"), word(1), word(0), "contains"},
		{"verify answers false", "eth_call", selector("verify"), word(1), word(0), "verify"},
		{"the transaction failed", "eth_getTransactionReceipt", "", `"status":"0x1"`, `"status":"0x0"`, "transaction"},
		{
			"another contract's event", "eth_getTransactionReceipt", "", strings.ToLower(s.contract.Hex()) + `","topics"`,
			strings.ToLower(testkit.DevAddress.Hex()) + `","topics"`, "transaction",
		},
		{"an event with another root", "eth_getTransactionReceipt", "", p.Batch.Root.Hex(), other, "transaction"},
		{"an event with another size", "eth_getTransactionReceipt", "", word(7), word(8), "transaction"},
		{"an event with another id", "eth_getTransactionReceipt", "", word(1), word(2), "transaction"},
		{"an event that is none", "eth_getTransactionReceipt", "", `"logs":[`, `"logs":[null,null],"before":[`, "transaction"},
		{"another block at its height", "eth_getBlockByNumber", `"0x`, p.Chain.BlockHash.Hex(), other, "block"},
		{"no block at its height", "eth_getBlockByNumber", `"0x`, "", "null", "block"},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy := testkit.RPCProxy(t, s.chain.URL())
			changed := changes(proxy, c.method, c.asked, c.old, c.with)
			verdict, _, err := s.run(raw, proxy.URL(), verify.Options{})
			require.NoError(t, err)
			require.True(t, changed())
			require.Equal(t, c.step, verdict.Step, verdict.Why)
		})
	}
}

// changes makes the node answer with another text wherever it is asked what contains asked; "" as old is the whole answer.
func changes(proxy *testkit.Proxy, method, asked, old, with string) (changed func() bool) {
	var done atomic.Bool
	proxy.On(method, func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		reply := next(call)
		switch {
		case !strings.Contains(string(call.Params[0]), asked) || !strings.Contains(string(reply.Result), old):
			return reply
		case old == "":
			reply.Result = json.RawMessage(with)
		default:
			reply.Result = bytes.ReplaceAll(reply.Result, []byte(old), []byte(with))
		}
		done.Store(true)
		return reply
	})
	return done.Load
}

// selector is how a call of one of the contract's functions begins.
func selector(function string) string {
	return hexutil.Encode(binding.NewSaleAnchor().GetABI().Methods[function].ID)
}

// word is a number as the ABI has it.
func word(n int64) string { return common.BigToHash(big.NewInt(n)).Hex() }

func TestANodeThatCannotBeAskedSaysNothingAboutTheProof(t *testing.T) {
	s := setup(t)
	raw := encode(t, s.sold())
	for _, method := range []string{"eth_chainId", "eth_getCode", "eth_call", "eth_getTransactionReceipt", "eth_getBlockByNumber"} {
		for name, hook := range map[string]testkit.Hook{
			"lost": testkit.Lose(), "refused": testkit.Refuse("key sesame is over its limit"), "too many": testkit.Status(429),
		} {
			proxy := testkit.RPCProxy(t, s.chain.URL())
			proxy.On(method, hook)
			verdict, _, err := s.run(raw, proxy.URL()+"/sesame", verify.Options{})
			require.ErrorContains(t, err, method, name)
			require.NotContains(t, err.Error(), "sesame")
			require.NotContains(t, err.Error(), "127.0.0.1")
			require.Empty(t, verdict.Step)
		}
	}
	verdict, _, err := s.run(raw, closedURL(t)+","+s.chain.URL(), verify.Options{})
	require.NoError(t, err, "the second node is queried when the first does not answer")
	require.True(t, verdict.Valid())
}

func TestANodeThatAnswersRubbishSaysNothingAboutTheProof(t *testing.T) {
	s := setup(t)
	raw := encode(t, s.sold())
	for _, method := range []string{"eth_chainId", "eth_getCode", "eth_call", "eth_getTransactionReceipt", "eth_getBlockByNumber"} {
		for _, rubbish := range []string{`null`, `"0xsesame"`, `{}`, `[null]`, `"0x"`, `7`, `"` + strings.Repeat("0", 1<<20) + `"`} {
			proxy := testkit.RPCProxy(t, s.chain.URL())
			proxy.On(method, func(context.Context, testkit.Call, func(testkit.Call) testkit.Reply) testkit.Reply {
				return testkit.Reply{Result: json.RawMessage(rubbish)}
			})
			verdict, _, err := s.run(raw, proxy.URL(), verify.Options{})
			if err == nil {
				require.False(t, verdict.Valid(), "%s: %.9s", method, rubbish)
				continue
			}
			require.ErrorContains(t, err, "the node could not be queried ("+method, "%.9s", rubbish)
			require.NotContains(t, err.Error(), "sesame")
		}
	}
}

// A provider has many nodes: one may not have the block yet that another has just called the newest.
func TestABlockThatIsNotThereYetIsAskedForAgain(t *testing.T) {
	s := setup(t)
	raw := encode(t, s.sold())
	proxy := testkit.RPCProxy(t, s.chain.URL())
	proxy.On("eth_getCode", testkit.Times(1, testkit.Refuse("header not found")))
	proxy.On("eth_call", testkit.Times(2, testkit.Refuse("header not found")))
	verdict, _, err := s.run(raw, proxy.URL(), verify.Options{})
	require.NoError(t, err)
	require.True(t, verdict.Valid())
}

func TestTheContractIsReadAtOneBlock(t *testing.T) {
	s := setup(t)
	raw := encode(t, s.sold())
	head, err := s.client.HeaderByNumber(t.Context(), nil)
	require.NoError(t, err)
	proxy := testkit.RPCProxy(t, s.chain.URL())
	for _, method := range []string{"eth_getCode", "eth_call"} {
		proxy.On(method, func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
			assert.JSONEq(t, `{"blockHash":"`+head.Hash().Hex()+`"}`, string(call.Params[1]))
			reply := next(call)
			s.follow(1) // while it is being asked
			return reply
		})
	}
	verdict, lines, err := s.run(raw, proxy.URL(), verify.Options{})
	require.NoError(t, err)
	require.True(t, verdict.Valid())
	require.Contains(t, lines["log_root"], "the proof's own path, in a log of size 1")
	require.Equal(t, 4, proxy.Calls("eth_call"))
}
