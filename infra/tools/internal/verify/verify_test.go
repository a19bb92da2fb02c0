package verify_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAProofOfAnAnchoredSaleIsValid(t *testing.T) {
	s := setup(t)
	require.True(t, s.verify(encode(t, s.sold())).Valid())
	require.True(t, s.verify(encode(t, s.prove(tea(), record, s.sold().AmountWei, 0))).Valid(), "a batch of one")
}

// shopsWord are the fields that nothing proves.
var shopsWord = map[string]any{"rate.tier": "live", "rate.sources": []string{"another"}, "rate.observed_at": "2025-01-01T00:00:00Z"}

func TestEveryChangedFieldFailsItsStep(t *testing.T) {
	s := setup(t)
	other := s.prove(tea(), record, "4913078803306000", 3) // the same sale at another price in another batch
	p := s.sold()
	hash := sale.Keccak([]byte("another")).Hex()
	last := p.Proof[len(p.Proof)-1]
	covered := map[string]bool{}
	for _, c := range []struct {
		path  string
		value any
		step  string
	}{
		{"sale.saleId", "019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a12", "sale_hash"},
		{"sale.kind", "refund", "request"},
		{"sale.kind", "gift", "shape"},
		{"sale.refundOf", "019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a10", "request"},
		{"sale.storeId", "s2", "sale_hash"},
		{"sale.terminalId", "t2", "sale_hash"},
		{"sale.customerId", "C-1002", "request"},
		{"sale.currency", "USD", "request"},
		{"sale.total", "1249.51", "request"},
		{"sale.total", "1249.5", "sale_hash"},
		{"sale.total", "-1249.50", "shape"},
		{"sale.pointsDelta", "-80", "sale_hash"},
		{"sale.pointsDelta", "-081", "shape"},
		{"sale.pointsDelta", "9999999999999999999", "shape"},
		{"sale.pointsBalance", "144", "sale_hash"},
		{"sale.purchaseNumber", "1", "sale_hash"},
		{"sale.purchaseNumber", 2, "shape"},
		{"sale.recordedAt", "1795322731123457", "sale_hash"},
		{"sale.recordedAt", "18446744073709551616", "shape"},
		{"sale.requestHash", hash, "request"},
		{"sale.requestHash", "0x" + strings.ToUpper(p.Sale.RequestHash.Hex()[2:]), "shape"},
		{"sale.salt", hash, "sale_hash"},
		{"sale.salt", nil, "shape"},
		{"request", base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(record, "1249.5", "1249.6"))), "request"},
		{"request", base64.StdEncoding.EncodeToString(p.Request) + "\n", "shape"},
		{"sale_hash", hash, "sale_hash"},
		{"amount_wei", other.AmountWei, "amount"},
		{"amount_wei", "1" + strings.Repeat("0", 78), "shape"},
		{"rate.value", "254321.18", "amount"},
		{"rate.value", "0", "amount"},
		{"rate.currency", "USD", "amount"},
		{"rate.tier", "guess", "shape"},
		{"rate.sources", "static", "shape"},
		{"rate.observed_at", "yesterday", "shape"},
		{"leaf", other.Batch.Root.Hex(), "leaf"},
		{"proof", append(p.Proof[:len(p.Proof)-1:len(p.Proof)-1], sale.Keccak(last[:])), "proof"},
		{"proof", p.Proof[1:], "proof"},
		{"proof", make([]common.Hash, 65), "shape"},
		{"proof", nil, "shape"},
		{"batch.id", other.Batch.ID, "root"},
		{"batch.id", "999", "root"},
		{"batch.root", other.Batch.Root.Hex(), "proof"},
		{"batch.size", "8", "transaction"},
		{"batch.size", "70", "position"},
		{"batch.size", "0", "position"},
		{"batch.size", "4294967296", "shape"},
		{"batch.leaf_index", p.Batch.Size, "position"},
		{"chain.chain_id", "1", "chain_id"},
		{"chain.contract", "0x00000000000000000000000000000000000000AA", "contract"},
		{"chain.contract", "0x" + strings.ToUpper(s.contract.Hex()[2:]), "shape"},
		{"chain.tx_hash", hash, "transaction"},
		{"chain.tx_hash", other.Chain.TxHash.Hex(), "transaction"},
		{"chain.block_number", other.Chain.BlockNumber, "block"},
		{"chain.block_number", "999999", "block"},
		{"chain.block_hash", other.Chain.BlockHash.Hex(), "block"},
		{"chain.finality", "final", "finality"},
		{"chain.finality", "safe", "shape"},
	} {
		t.Run(c.path, func(t *testing.T) {
			verdict := s.verify(change(t, p, c.path, c.value))
			require.Equal(t, c.step, verdict.Step, verdict.Why)
		})
		covered[c.path] = true
	}
	for path := range paths(t, p) {
		require.True(t, covered[path], "no change of %s is tried", path)
	}
	for path, value := range shopsWord {
		require.True(t, s.verify(change(t, p, path, value)).Valid(), "%s is documented as unprovable", path)
	}
}

func TestOnlyPositionsThatFitTheProofAreAccepted(t *testing.T) {
	s := setup(t)
	p := s.sold()
	var fitting []string
	for _, index := range []string{"0", "1", "2", "3", "4", "5", "6"} {
		changed := p
		changed.Batch.LeafIndex = index
		if s.verify(encode(t, changed)).Valid() {
			fitting = append(fitting, index)
		}
	}
	require.Contains(t, fitting, p.Batch.LeafIndex)
	require.Less(t, len(fitting), 5, "the depth and the neighbour rule out the others")
}

func TestTheShapeIsStrict(t *testing.T) {
	s := setup(t)
	raw := encode(t, s.sold())
	for name, bad := range map[string][]byte{
		"an unknown member":  replace(raw, `"leaf":`, `"more":1,"leaf":`),
		"a repeated member":  replace(raw, `"leaf":`, `"leaf":"`+common.Hash{}.Hex()+`","leaf":`),
		"another case":       replace(raw, `"leaf":`, `"Leaf":`),
		"a missing member":   replace(raw, `"storeId":"s1",`, ``),
		"something after it": append(bytes.Clone(raw), "{}"...),
		"half of it":         raw[:len(raw)/2],
		"a list":             []byte("[]"),
		"nothing":            nil,
		"invalid UTF-8":      replace(raw, `"s1"`, "\"\xff\""),
		"a huge one":         append(bytes.Clone(raw), bytes.Repeat([]byte(" "), 1<<20)...),
	} {
		require.Equal(t, "shape", s.verify(bad).Step, name)
	}
	require.True(t, s.verify(append(raw, '\n')).Valid())
}

// A shop that hashes and anchors what it should not is found out by the rules.
func TestAnAnchoredLieIsInvalid(t *testing.T) {
	s := setup(t)
	loose := tea()
	loose.Total = "1249.5"
	require.Equal(t, "total", s.verify(encode(t, s.prove(loose, record, s.sold().AmountWei, 2))).Step)

	require.Equal(t, "amount", s.verify(encode(t, s.prove(tea(), record, "1", 2))).Step, "one wei for the tea")

	dear := tea()
	dear.Total = "9999.00"
	require.Equal(t, "request", s.verify(encode(t, s.prove(dear, record, s.sold().AmountWei, 2))).Step)
}

func TestAContractOfOtherCodeIsRefused(t *testing.T) {
	s := setup(t)
	// PUSH1 1 PUSH0 MSTORE PUSH1 32 PUSH0 RETURN: answers 1 to whatever is asked; before it, the code that deploys these nine bytes.
	yes := s.send(nil, common.FromHex("600980600a5f395ff360015f5260205ff3")).ContractAddress
	code, err := s.client.CodeAt(t.Context(), yes, nil)
	require.NoError(t, err)
	require.NotEmpty(t, code)
	require.Equal(t, "contract", s.verify(change(t, s.sold(), "chain.contract", yes.Hex())).Step)
}

func TestASecondContractIsNotTheOneThatAnchored(t *testing.T) {
	s := setup(t)
	p := s.sold()
	require.Equal(t, "root", s.verify(change(t, p, "chain.contract", s.deploy().Hex())).Step)
}

func TestARefundMayNameTheSaleByItsKey(t *testing.T) {
	s := setup(t)
	refund := tea()
	refund.Kind, refund.RefundOf, refund.PurchaseNumber = sale.KindRefund, "019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a10", 0
	wei := s.sold().AmountWei
	for request, step := range map[string]string{
		`{"kind":"refund","refund_of_key":"1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b","currency":"INR","total":"1249.50"}`: "",
		`{"kind":"refund","refund_of":"019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a10","currency":"INR","total":"1249.50"}`:     "",
		`{"kind":"refund","refund_of":"019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a13","currency":"INR","total":"1249.50"}`:     "request",
	} {
		refund.RequestHash = sale.Keccak([]byte(request))
		require.Equal(t, step, s.verify(encode(t, s.prove(refund, request, wei, 1))).Step)
	}
}

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
	require.Equal(t, "root", s.verify(encode(t, p)).Step)
}

// Each answer of the node counts by itself.
func TestEveryAnswerOfTheChainMustAgree(t *testing.T) {
	s := setup(t)
	p := s.sold()
	raw, other := encode(t, p), sale.Keccak([]byte("another")).Hex()
	for _, c := range []struct{ name, method, old, with, step string }{
		{"verify answers false", "eth_call", word(1), word(0), "verify"},
		{"the transaction failed", "eth_getTransactionReceipt", `"status":"0x1"`, `"status":"0x0"`, "transaction"},
		{
			"another contract's event", "eth_getTransactionReceipt", strings.ToLower(s.contract.Hex()) + `","topics"`,
			strings.ToLower(testkit.DevAddress.Hex()) + `","topics"`, "transaction",
		},
		{"an event with another root", "eth_getTransactionReceipt", p.Batch.Root.Hex(), other, "transaction"},
		{"an event with another size", "eth_getTransactionReceipt", word(7), word(8), "transaction"},
		{"another block at its height", "eth_getBlockByNumber", p.Chain.BlockHash.Hex(), other, "block"},
		{"no block at its height", "eth_getBlockByNumber", "", "null", "block"},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy := testkit.RPCProxy(t, s.chain.URL())
			changed := false
			proxy.On(c.method, func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
				reply := next(call)
				changed = changed || strings.Contains(string(reply.Result), c.old)
				if c.old == "" {
					return testkit.Reply{Result: json.RawMessage(c.with)}
				}
				reply.Result = bytes.ReplaceAll(reply.Result, []byte(c.old), []byte(c.with))
				return reply
			})
			verdict, err := s.ask(raw, proxy.URL())
			require.NoError(t, err)
			require.True(t, changed)
			require.Equal(t, c.step, verdict.Step, verdict.Why)
		})
	}
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
			verdict, err := s.ask(raw, proxy.URL()+"/sesame")
			require.ErrorContains(t, err, method, name)
			require.NotContains(t, err.Error(), "sesame")
			require.NotContains(t, err.Error(), "127.0.0.1")
			require.Empty(t, verdict.Step)
		}
	}
	verdict, err := s.ask(raw, closedURL(t)+","+s.chain.URL())
	require.NoError(t, err, "the second node is queried when the first does not answer")
	require.True(t, verdict.Valid())
}

func TestTheProgramAnswersByItsExitCode(t *testing.T) {
	s := setup(t)
	p := s.sold()
	file := filepath.Join(t.TempDir(), "proof.json")
	require.NoError(t, os.WriteFile(file, encode(t, p), 0o600))
	sesame := closedURL(t) + "/sesame"
	for _, c := range []struct {
		name string
		args []string
		env  []string
		in   []byte
		code int
		want string
	}{
		{name: "a file", args: []string{"-rpc", s.chain.URL(), file}, code: 0, want: "\nvalid\n"},
		{name: "standard input", args: []string{"-rpc", s.chain.URL(), "-"}, in: encode(t, p), code: 0, want: "\nvalid\n"},
		{
			name: "the provider of the environment", env: []string{"WEB3_PROVIDER=" + s.chain.URL(), "PUBLIC_RPC_URL=" + sesame}, in: encode(t, p), code: 0,
			want: "\nvalid\n",
		},
		{name: "the public URL", env: []string{"PUBLIC_RPC_URL=" + s.chain.URL()}, in: encode(t, p), code: 0, want: "\nvalid\n"},
		{name: "the published contract", args: []string{"-rpc", s.chain.URL(), "-contract", s.contract.Hex(), file}, code: 0, want: "\nvalid\n"},
		{name: "another contract", args: []string{"-rpc", s.chain.URL(), "-contract", testkit.DevAddress.Hex(), file}, code: 1, want: "\ninvalid: contract\n"},
		{name: "another price", args: []string{"-rpc", s.chain.URL()}, in: change(t, p, "amount_wei", "1"), code: 1, want: "\ninvalid: amount\n"},
		{name: "no proof at all", args: []string{"-rpc", s.chain.URL()}, in: []byte("{}"), code: 1, want: "\ninvalid: shape\n"},
		{name: "a node that does not answer", args: []string{"-rpc", sesame}, in: encode(t, p), code: 2, want: "connection refused"},
		{name: "no node", in: encode(t, p), code: 2, want: "WEB3_PROVIDER"},
		{name: "a URL of another kind", args: []string{"-rpc", "ipc:/sesame"}, code: 2, want: "http"},
		{name: "a URL that is none", args: []string{"-rpc", "http://sesame\n:x"}, code: 2, want: "http"},
		{name: "no such file", args: []string{"-rpc", s.chain.URL(), file + ".not"}, code: 2, want: "no such file"},
		{name: "an unknown flag", args: []string{"-sesame"}, code: 2, want: "--help"},
		{name: "two proofs", args: []string{"-rpc", s.chain.URL(), file, file}, code: 2, want: "--help"},
		{name: "no address", args: []string{"-rpc", s.chain.URL(), "-contract", "0x12", file}, code: 2, want: "-contract"},
		{name: "help", args: []string{"--help"}, code: 0, want: "Exit code 0: valid."},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			require.Equal(t, c.code, verify.Main(t.Context(), c.args, c.env, bytes.NewReader(c.in), &out, &out), out.String())
			require.Contains(t, out.String(), c.want)
			require.NotContains(t, out.String(), "sesame", "a URL may hold a key")
		})
	}
}

// What GET /sales/{id}/proof answers is what this package reads.
func TestTheWireTypeAndTheShapeAgree(t *testing.T) {
	s := setup(t)
	raw := encode(t, s.sold())
	var p event.Proof
	require.NoError(t, json.Unmarshal(raw, &p))
	require.JSONEq(t, string(raw), string(encode(t, p)))
}

// closedURL is one that nobody answers.
func closedURL(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("http://127.0.0.1:%d", testkit.FreePort(t))
}
