package verify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
	"github.com/tillseal/tillseal/contracts/node"
	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/money"
	"github.com/tillseal/tillseal/shared/promise"
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
	deployed *big.Int // the contract's first block
	nonce    uint64
	log      *batchlog.Log
	rows     map[uint64]batchlog.Row
	batches  map[uint64]batchlog.Batch
	key      *promise.Key // that signs promises
}

func setup(t *testing.T) *shop {
	s := &shop{t: t, chain: testkit.Chain(t)}
	var err error
	s.key, err = promise.ParseKey(promise.NewKeyPEM())
	require.NoError(t, err)
	s.client, err = ethclient.DialContext(t.Context(), s.chain.URL())
	require.NoError(t, err)
	t.Cleanup(s.client.Close)
	s.deploy()
	return s
}

// deploy makes a contract with an empty log.
func (s *shop) deploy() {
	receipt := s.mine(s.send(nil, binding.DeployData(testkit.DevAddress, testkit.DevAddress), 3_000_000))
	s.contract, s.deployed = receipt.ContractAddress, receipt.BlockNumber
	s.log, s.rows, s.batches = batchlog.New(), map[uint64]batchlog.Row{}, map[uint64]batchlog.Batch{}
}

func (s *shop) send(to *common.Address, data []byte, gas uint64) common.Hash {
	s.t.Helper()
	key, err := crypto.HexToECDSA(testkit.DevKey)
	require.NoError(s.t, err)
	tx := types.MustSignNewTx(key, types.LatestSignerForChainID(s.chain.ChainID()), &types.DynamicFeeTx{
		ChainID: s.chain.ChainID(), Nonce: s.nonce, To: to, Data: data, Gas: gas, GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(1e11),
	})
	require.NoError(s.t, s.client.SendTransaction(s.t.Context(), tx))
	s.nonce++
	return tx.Hash()
}

// mine seals blocks until one has a transaction: a slow machine ends a block before all that wait are in it.
func (s *shop) mine(tx common.Hash) *types.Receipt {
	s.t.Helper()
	const most = 100
	var receipt *types.Receipt
	err := ethereum.NotFound
	for range most {
		if !errors.Is(err, ethereum.NotFound) {
			break
		}
		s.chain.Commit()
		receipt, err = s.client.TransactionReceipt(s.t.Context(), tx)
	}
	require.NoError(s.t, err)
	require.Equal(s.t, types.ReceiptStatusSuccessful, receipt.Status)
	return receipt
}

// anchor sends the next batch.
func (s *shop) anchor(root common.Hash, size int) (tx common.Hash) {
	s.t.Helper()
	b := batchlog.Batch{ID: s.log.Size() + 1, Root: root, Size: uint32(size)}
	row, err := s.log.Append(b)
	require.NoError(s.t, err)
	s.rows[b.ID], s.batches[b.ID] = row, b
	return s.send(&s.contract, binding.NewSaleAnchor().PackAnchor(b.ID, b.Root, b.Size), binding.AnchorGas(b.ID))
}

// follow anchors batches of other sales, many in a block, so that a proof ages.
func (s *shop) follow(batches int) {
	s.t.Helper()
	const inABlock = 250
	for i := range batches {
		tx := s.anchor(sale.Keccak([]byte{byte(i), byte(i >> 8)}), i+1)
		if i == batches-1 || i%inABlock == inABlock-1 {
			s.mine(tx)
		}
	}
}

// batchlogOf is the log of batches with ids from 1 up.
func batchlogOf(t *testing.T, batches map[uint64]batchlog.Batch) *batchlog.Log {
	t.Helper()
	log := batchlog.New()
	for id := range uint64(len(batches)) {
		_, err := log.Append(batches[id+1])
		require.NoError(t, err)
	}
	return log
}

// inclusion is a batch's path in the present log.
func (s *shop) inclusion(id uint64) event.ProofLog {
	s.t.Helper()
	in, err := batchlog.Include(id, s.log.Size(), s.rows)
	require.NoError(s.t, err)
	return event.ProofLog{Size: strconv.FormatUint(in.Size, 10), Root: in.Root, Path: in.Path}
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
		RecordNumber: 1042, PreviousHash: common.Hash{6},
		RequestHash: sale.Keccak([]byte(record)), Salt: sale.Keccak([]byte("salt")),
	}
}

// prove anchors a sale at a price in a batch with others and returns its proof; a total of zero has no rate.
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
	receipt := s.mine(s.anchor(tree.Root(), tree.Size()))
	id := s.log.Size()
	at := &event.ProofRate{Value: rate, Currency: facts.Currency, Tier: "static", Sources: []string{"static"}, ObservedAt: "2026-11-22T04:45:31.000000Z"}
	if money.IsZero(facts.Total) {
		at = nil
	}
	return event.Proof{
		Sale: facts, Request: []byte(request), SaleHash: facts.Hash(), AmountWei: amountWei, Rate: at,
		Leaf: leaf, Proof: tree.Proof(index),
		Batch:   event.ProofBatch{ID: strconv.FormatUint(id, 10), Root: tree.Root(), Size: strconv.Itoa(tree.Size()), LeafIndex: strconv.Itoa(index)},
		Log:     s.inclusion(id),
		Promise: s.key.SignSale(promised(facts, "", "")),
		Chain: event.ProofChain{
			ChainID: s.chain.ChainID().String(), Contract: s.contract.Hex(), TxHash: receipt.TxHash, BlockNumber: receipt.BlockNumber.String(),
			BlockHash: receipt.BlockHash, DeployedBlock: s.deployed.String(), Finality: "mined",
		},
	}
}

// promised is what the shop promises of a sale, within a day.
func promised(facts sale.Sale, chainID, contract string) promise.Sale {
	at := time.UnixMicro(int64(facts.RecordedAt))
	return promise.Sale{
		Issuer: "https://shop.example", SaleID: facts.SaleID, SaleHash: facts.Hash(), StoreID: facts.StoreID, TerminalID: facts.TerminalID,
		RecordNumber: facts.RecordNumber, IssuedAt: at.Unix(), AnchorBy: promise.AnchorBy(at, 24*time.Hour).Unix(), ChainID: chainID, Contract: contract,
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
	verdict, _, err := s.run(raw, s.chain.URL(), verify.Options{})
	require.NoError(s.t, err)
	return verdict
}

// run is a run with the node at a URL; it returns its lines by their steps as well.
func (s *shop) run(raw []byte, url string, options verify.Options) (verify.Verdict, map[string]string, error) {
	s.t.Helper()
	chain, err := node.Dial(s.t.Context(), url)
	if err != nil {
		return verify.Verdict{}, nil, err
	}
	defer chain.Close()
	var out bytes.Buffer
	verdict, err := verify.Run(s.t.Context(), raw, chain, options, &out)
	lines := map[string]string{}
	for line := range strings.Lines(out.String()) {
		lines[strings.Fields(line)[1]] = line
	}
	return verdict, lines, err
}

func encode(t *testing.T, p any) []byte {
	t.Helper()
	raw, err := json.Marshal(p)
	require.NoError(t, err)
	return raw
}

// change is the proof with another value at a path such as "sale.total".
func change(t *testing.T, p any, path string, value any) []byte {
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
