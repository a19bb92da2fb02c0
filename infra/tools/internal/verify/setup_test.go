package verify_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// shop is a chain with the contract, on which it anchors its sales.
type shop struct {
	t        *testing.T
	chain    *local.Chain
	client   *ethclient.Client
	contract common.Address
	nonce    uint64
	batches  uint64
}

func setup(t *testing.T) *shop {
	s := &shop{t: t, chain: testkit.Chain(t)}
	var err error
	s.client, err = ethclient.DialContext(t.Context(), s.chain.URL())
	require.NoError(t, err)
	t.Cleanup(s.client.Close)
	s.contract = s.deploy()
	return s
}

func (s *shop) deploy() common.Address {
	return s.send(nil, binding.DeployData(testkit.DevAddress, testkit.DevAddress)).ContractAddress
}

// send sends a transaction and seals its block.
func (s *shop) send(to *common.Address, data []byte) *types.Receipt {
	s.t.Helper()
	key, err := crypto.HexToECDSA(testkit.DevKey)
	require.NoError(s.t, err)
	tx := types.MustSignNewTx(key, types.LatestSignerForChainID(s.chain.ChainID()), &types.DynamicFeeTx{
		ChainID: s.chain.ChainID(), Nonce: s.nonce, To: to, Data: data, Gas: 3_000_000, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(1e11),
	})
	require.NoError(s.t, s.client.SendTransaction(s.t.Context(), tx))
	s.nonce++
	s.chain.Commit()
	receipt, err := s.client.TransactionReceipt(s.t.Context(), tx.Hash())
	require.NoError(s.t, err)
	return receipt
}

const (
	record = `{"currency":"INR","total":"1249.5","customer_id":"C-1001"}`
	rate   = "254321.17"
)

// tea is a committed sale of 1249.50 rupees.
func tea() sale.Sale {
	return sale.Sale{
		SaleID: "019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a11", Kind: sale.KindSale, StoreID: "s1", TerminalID: "t1", CustomerID: "C-1001", Currency: "INR",
		Total: "1249.50", PointsDelta: -81, PointsBalance: 143, PurchaseNumber: 2, RecordedAt: 1795322731123456,
		RequestHash: sale.Keccak([]byte(record)), Salt: sale.Keccak([]byte("salt")),
	}
}

// prove anchors a sale at a price in a batch with others and returns its proof.
func (s *shop) prove(facts sale.Sale, request, amountWei string, others int) event.Proof {
	s.t.Helper()
	wei, ok := new(big.Int).SetString(amountWei, 10)
	require.True(s.t, ok)
	leaf, err := merkle.Leaf(facts.Hash(), wei)
	require.NoError(s.t, err)
	leaves := []common.Hash{leaf}
	for i := range others {
		leaves = append(leaves, sale.Keccak([]byte{byte(i)}))
	}
	tree, err := merkle.Build(leaves)
	require.NoError(s.t, err)
	index, _ := tree.Index(leaf)
	s.batches++
	receipt := s.send(&s.contract, binding.NewSaleAnchor().PackAnchor(s.batches, tree.Root(), uint32(tree.Size())))
	require.Equal(s.t, types.ReceiptStatusSuccessful, receipt.Status)
	number := func(n int) string { return big.NewInt(int64(n)).String() }
	return event.Proof{
		Sale: facts, Request: []byte(request), SaleHash: facts.Hash(), AmountWei: amountWei,
		Rate: event.ProofRate{Value: rate, Currency: facts.Currency, Tier: "static", Sources: []string{"static"}, ObservedAt: "2026-11-22T04:45:31.000000Z"},
		Leaf: leaf, Proof: tree.Proof(index),
		Batch: event.ProofBatch{ID: number(int(s.batches)), Root: tree.Root(), Size: number(tree.Size()), LeafIndex: number(index)},
		Chain: event.ProofChain{
			ChainID: s.chain.ChainID().String(), Contract: s.contract.Hex(), TxHash: receipt.TxHash, BlockNumber: receipt.BlockNumber.String(),
			BlockHash: receipt.BlockHash, Finality: "mined",
		},
	}
}

// sold is the proof of tea among six others.
func (s *shop) sold() event.Proof {
	total, err := money.ParseDecimal("1249.50")
	require.NoError(s.t, err)
	perEther, err := money.ParseDecimal(rate)
	require.NoError(s.t, err)
	return s.prove(tea(), record, money.Wei(total, perEther).String(), 6)
}

func (s *shop) verify(raw []byte) verify.Verdict {
	s.t.Helper()
	verdict, err := s.ask(raw, s.chain.URL())
	require.NoError(s.t, err)
	return verdict
}

func (s *shop) ask(raw []byte, url string) (verify.Verdict, error) {
	s.t.Helper()
	node, err := verify.Dial(s.t.Context(), config.Secret(url))
	if err != nil {
		return verify.Verdict{}, err
	}
	defer node.Close()
	return verify.Run(s.t.Context(), raw, node, nil, s.t.Output())
}

func encode(t *testing.T, p any) []byte {
	t.Helper()
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	return raw
}

// change is the proof with another value at a path such as "sale.total".
func change(t *testing.T, p event.Proof, path string, value any) []byte {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(encode(t, p), &all))
	at, name := all, path
	if object, member, nested := strings.Cut(path, "."); nested {
		at, name = all[object].(map[string]any), member
	}
	require.Contains(t, at, name)
	require.NotEqual(t, value, at[name], "%s is not changed", path)
	at[name] = value
	return encode(t, all)
}

// paths lists every field of a proof.
func paths(t *testing.T, p event.Proof) map[string]bool {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(encode(t, p), &all))
	found := map[string]bool{}
	for name, value := range all {
		object, nested := value.(map[string]any)
		if !nested {
			found[name] = true
			continue
		}
		for member := range maps.Keys(object) {
			found[name+"."+member] = true
		}
	}
	return found
}

func replace(raw []byte, old, with string) []byte {
	return bytes.Replace(raw, []byte(old), []byte(with), 1)
}
