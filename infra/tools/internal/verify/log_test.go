package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

// The three ways, as their lines begin or end.
const (
	byItself  = "the proof's own path"
	byGateway = "the gateway's path"
	byEvents  = "a path rebuilt from the contract's events"
	byReceipt = "the log was not checked, the batch is judged by its event alone"
)

// requireWay runs a proof that is valid by a way and returns the line that says so.
func (s *shop) requireWay(way string, p event.Proof, url string, options verify.Options) string {
	s.t.Helper()
	verdict, lines, err := s.run(encode(s.t, p), url, options)
	require.NoError(s.t, err)
	require.True(s.t, verdict.Valid(), "%s: %s", verdict.Step, verdict.Why)
	line := lines["log_root"]
	require.Contains(s.t, line, way)
	result := "ok "
	if way == byReceipt {
		result = "skipped "
	}
	for _, step := range []string{"log_root", "contains", "verify"} {
		require.True(s.t, strings.HasPrefix(lines[step], result), lines[step])
	}
	require.Equal(s.t, "ok      transaction the transaction anchored this batch, root and size\n", lines["transaction"])
	for _, text := range lines {
		require.NotContains(s.t, text, "sesame")
		require.NotContains(s.t, text, "127.0.0.1")
	}
	return line
}

func TestAProofOfAThousandBatchesAgoIsValid(t *testing.T) {
	s := setup(t)
	s.follow(2)
	p := s.sold()
	proxy := testkit.RPCProxy(t, s.chain.URL())
	require.Contains(t, s.requireWay(byItself, p, proxy.URL(), verify.Options{Gateway: s.honest()}), "a log of size 3\n")
	s.follow(1000)
	t.Run("by a gateway", func(t *testing.T) {
		require.Contains(t, s.requireWay(byGateway, p, proxy.URL(), verify.Options{Gateway: s.honest()}), "a log of size 1003\n")
		require.Zero(t, proxy.Calls("eth_getLogs"))
	})
	t.Run("by the contract's events", func(t *testing.T) {
		require.Contains(t, s.requireWay(byEvents, p, proxy.URL(), verify.Options{}), "a log of size 1003\n")
		require.Equal(t, 1, proxy.Calls("eth_getLogs"))
	})
	t.Run("by its own event", func(t *testing.T) {
		proxy.On("eth_getLogs", testkit.Refuse("query sesame returned more than 10 results"))
		defer proxy.Clear()
		line := s.requireWay(byReceipt, p, proxy.URL(), verify.Options{})
		require.Contains(t, line, "no path in the contract's log of size 1003 (events: JSON-RPC error -32000): ")
	})
	t.Run("and so is one of the newest batch", func(*testing.T) {
		s.requireWay(byItself, s.sold(), s.chain.URL(), verify.Options{})
	})
	t.Run("unless the log has another batch at its id", func(t *testing.T) {
		p := p
		p.Batch.Size = "8"
		forged := batchlog.New()
		for id := range uint64(2) {
			_, err := forged.Append(s.batches[id+1])
			require.NoError(t, err)
		}
		_, err := forged.Append(batchlog.Batch{ID: 3, Root: p.Batch.Root, Size: 8})
		require.NoError(t, err)
		p.Log.Root = forged.Root()
		verdict, lines, err := s.run(encode(t, p), s.chain.URL(), verify.Options{Gateway: s.honest()})
		require.NoError(t, err)
		require.Contains(t, lines["log"], "ok", "it is well made")
		require.Equal(t, "log_root", verdict.Step)
		require.Contains(t, verdict.Why, "rebuilt from its events, has another batch 3: root "+p.Batch.Root.Hex()+", size 7")
	})
}

func TestANodeThatLiesAboutTheLogRootIsNotFollowed(t *testing.T) {
	s := setup(t)
	p := s.sold()
	s.follow(5)
	proxy := testkit.RPCProxy(t, s.chain.URL())
	changed := changes(proxy, "eth_call", selector("logRoot"), s.log.Root().Hex(), sale.Keccak([]byte("another")).Hex())
	line := s.requireWay(byReceipt, p, proxy.URL(), verify.Options{Gateway: s.honest()})
	require.True(t, changed())
	require.Contains(t, line, "(gateway: the answer is about another log than the contract's; events: they do not give the contract's logRoot)")
}

func TestALogOfTheSameSizeWithAnotherLastBatchIsAnotherLog(t *testing.T) {
	s := setup(t)
	first := s.sold()
	last := s.prove(tea(), record, first.AmountWei, 3)
	first.Log = s.inclusion(1)
	s.requireWay(byItself, first, s.chain.URL(), verify.Options{})
	s.undo(last)
	s.follow(1)
	s.requireWay(byEvents, first, s.chain.URL(), verify.Options{})
	s.requireWay(byGateway, first, s.chain.URL(), verify.Options{Gateway: s.honest()})

	verdict, lines, err := s.run(encode(t, last), s.chain.URL(), verify.Options{Gateway: s.honest()})
	require.NoError(t, err)
	require.Equal(t, "log_root", verdict.Step)
	require.Contains(t, lines["log_root"], fmt.Sprintf("the contract's log of size 2, rebuilt from its events, has another batch 2: root %s, size 1\n",
		s.batches[2].Root))

	proxy := testkit.RPCProxy(t, s.chain.URL())
	proxy.On("eth_getLogs", testkit.Refuse("pruned"))
	verdict, _, err = s.run(encode(t, last), proxy.URL(), verify.Options{})
	require.NoError(t, err)
	require.Equal(t, "transaction", verdict.Step, "without the log, its own event is asked for")
}

// undo takes the newest batch from the chain by a reorg.
func (s *shop) undo(p event.Proof) {
	s.t.Helper()
	block, err := s.client.HeaderByHash(s.t.Context(), p.Chain.BlockHash)
	require.NoError(s.t, err)
	require.NoError(s.t, s.chain.Fork(block.ParentHash))
	require.NoError(s.t, s.chain.DropPending())
	s.nonce--
	id := s.log.Size()
	delete(s.batches, id)
	s.log = batchlogOf(s.t, s.batches)
}

func TestAContractThatIsShorterThanTheBatchDoesNotHoldIt(t *testing.T) {
	s := setup(t)
	first := s.sold()
	last := s.prove(tea(), record, first.AmountWei, 3)
	early := first
	early.Log = s.inclusion(1)
	s.undo(last)
	s.chain.Commit()
	verdict, _, err := s.run(encode(t, last), s.chain.URL(), verify.Options{Gateway: s.honest()})
	require.NoError(t, err)
	require.Equal(t, "log_root", verdict.Step)
	require.Equal(t, "the contract's log has size 1: it does not hold batch 2", verdict.Why)
	s.requireWay(byEvents, early, s.chain.URL(), verify.Options{}) // its log is longer than the contract's now
	s.requireWay(byGateway, early, s.chain.URL(), verify.Options{Gateway: s.honest()})
}
