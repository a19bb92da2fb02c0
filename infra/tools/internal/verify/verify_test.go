package verify_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
)

func TestAProofOfAnAnchoredSaleIsValid(t *testing.T) {
	s := setup(t)
	require.True(t, s.verify(encode(t, s.sold())).Valid())
	require.True(t, s.verify(encode(t, s.prove(tea(), record, s.sold().AmountWei, 0))).Valid(), "a batch of one")
}

// shopsWord are the fields that nothing proves.
var shopsWord = map[string]any{
	"rate.tier": "live", "rate.sources": []string{"another"}, "rate.observed_at": "2025-01-01T00:00:00Z",
	"chain.deployed_block": "0", // while the proof's own path leads to logRoot
}

func TestEveryChangedFieldFailsItsStep(t *testing.T) {
	s := setup(t)
	s.follow(4)
	other := s.prove(tea(), record, "4913078803306000", 3) // the same sale at another price in another batch
	p := s.sold()
	next := tea()
	next.RecordNumber++
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
		{"sale.recordNumber", "1043", "sale_hash"},
		{"sale.recordNumber", 1042, "shape"},
		{"sale.previousHash", hash, "sale_hash"},
		{"sale.previousHash", "0x06", "shape"},
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
		{"promise", s.key.SignSale(promised(next, "", "")), "promise"},
		{"promise", "a.b.c", "promise"},
		{"promise", "x", "shape"},
		{"leaf", other.Batch.Root.Hex(), "leaf"},
		{"proof", append(p.Proof[:len(p.Proof)-1:len(p.Proof)-1], sale.Keccak(last[:])), "proof"},
		{"proof", p.Proof[1:], "proof"},
		{"proof", make([]common.Hash, 65), "shape"},
		{"proof", nil, "shape"},
		{"batch.id", other.Batch.ID, "log"},
		{"batch.id", "999", "log"},
		{"batch.id", "0", "log"},
		{"batch.root", other.Batch.Root.Hex(), "proof"},
		{"batch.size", "8", "log"},
		{"batch.size", "70", "position"},
		{"batch.size", "0", "position"},
		{"batch.size", "4294967296", "shape"},
		{"batch.leaf_index", p.Batch.Size, "position"},
		{"log.size", "0", "log"},
		{"log.size", "5", "log"},
		{"log.size", "7", "log"},
		{"log.size", "8", "log"},
		{"log.size", "18446744073709551615", "log"},
		{"log.size", "18446744073709551616", "shape"},
		{"log.root", hash, "log"},
		{"log.root", common.Hash{}.Hex(), "log"},
		{"log.path", append(p.Log.Path[:len(p.Log.Path)-1:len(p.Log.Path)-1], sale.Keccak(last[:])), "log"},
		{"log.path", p.Log.Path[1:], "log"},
		{"log.path", append(slices.Clip(p.Log.Path), p.Log.Root), "log"},
		{"log.path", []common.Hash{}, "log"},
		{"log.path", make([]common.Hash, 65), "shape"},
		{"log.path", nil, "shape"},
		{"chain.chain_id", "1", "chain_id"},
		{"chain.contract", "0x00000000000000000000000000000000000000AA", "contract"},
		{"chain.contract", "0x" + strings.ToUpper(s.contract.Hex()[2:]), "shape"},
		{"chain.tx_hash", hash, "transaction"},
		{"chain.tx_hash", other.Chain.TxHash.Hex(), "transaction"},
		{"chain.block_number", other.Chain.BlockNumber, "block"},
		{"chain.block_number", "999999", "block"},
		{"chain.block_hash", other.Chain.BlockHash.Hex(), "block"},
		{"chain.deployed_block", "999999", "shape"},
		{"chain.deployed_block", "18446744073709551616", "shape"},
		{"chain.deployed_block", "-1", "shape"},
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

func TestALogDoesNotHaveABatchThatIsYetToCome(t *testing.T) {
	s := setup(t)
	require.Equal(t, "a log of size 1 does not have batch 2", s.verify(change(t, s.sold(), "batch.id", "2")).Why)
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
	yes := s.mine(s.send(nil, common.FromHex("600980600a5f395ff360015f5260205ff3"), 1_000_000)).ContractAddress
	code, err := s.client.CodeAt(t.Context(), yes, nil)
	require.NoError(t, err)
	require.NotEmpty(t, code)
	require.Equal(t, "contract", s.verify(change(t, s.sold(), "chain.contract", yes.Hex())).Step)
}

func TestASecondContractIsNotTheOneThatAnchored(t *testing.T) {
	s := setup(t)
	p := s.sold()
	s.deploy()
	require.Equal(t, "log_root", s.verify(change(t, p, "chain.contract", s.contract.Hex())).Step)
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
		`{"kind":"refund","currency":"INR","total":"1249.50","customer_id":"C-1001"}`:                                 "request",
	} {
		refund.RequestHash = sale.Keccak([]byte(request))
		require.Equal(t, step, s.verify(encode(t, s.prove(refund, request, wei, 1))).Step)
	}
}

func TestAReturnWithoutAReceiptRefundsNoSale(t *testing.T) {
	s := setup(t)
	back := tea()
	back.Kind, back.PurchaseNumber = sale.KindRefund, 0
	wei := s.sold().AmountWei
	for request, why := range map[string]string{
		`{"kind":"refund","currency":"INR","total":"1249.50","customer_id":"C-1001"}`: "",
		`{"kind":"refund","currency":"INR","total":"1249.50","customer_id":"C-1002"}`: "the request has another customer",
		`{"kind":"refund","currency":"INR","total":"1249.50"}`:                        "the request has another customer",
		`{"kind":"refund","refund_of_key":"1b4e28ba-2fa1-4d3b-a3f5-ef19b5a7633b","currency":"INR","total":"1249.50"}`: "the request refunds a sale, " +
			"and this is a return without a receipt",
		`{"kind":"refund","refund_of":"019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a10","currency":"INR","total":"1249.50"}`: "the request refunds another sale",
	} {
		back.RequestHash = sale.Keccak([]byte(request))
		require.Equal(t, why, s.verify(encode(t, s.prove(back, request, wei, 1))).Why, request)
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
