package binding_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"testing"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/ethclient/simulated"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"
	"github.com/tillseal/tillseal/contracts/binding"
)

var root = common.HexToHash("0x72e2f6cc1c389a1f7b90499228481232fcd66490b4e9b128ca0698cd6f12d8bf")

func TestADeploymentHasTheCodeOfThisBuild(t *testing.T) {
	shop := setup(t)
	code, err := shop.client.CodeAt(t.Context(), shop.contract, nil)
	require.NoError(t, err)
	require.Equal(t, binding.RuntimeCode(), code)
}

func TestANewDeploymentAnswersItsFirstQuestions(t *testing.T) {
	shop := setup(t)

	next, err := shop.abi.UnpackNextBatchId(shop.call(shop.abi.PackNextBatchId()))
	require.NoError(t, err)
	require.EqualValues(t, 1, next)

	anchorer, err := shop.abi.UnpackAnchorer(shop.call(shop.abi.PackAnchorer()))
	require.NoError(t, err)
	require.Equal(t, shop.anchorer, anchorer)

	owner, err := shop.abi.UnpackOwner(shop.call(shop.abi.PackOwner()))
	require.NoError(t, err)
	require.Equal(t, shop.owner, owner)

	logRoot, err := shop.abi.UnpackLogRoot(shop.call(shop.abi.PackLogRoot()))
	require.NoError(t, err)
	require.Equal(t, common.Hash{}, common.Hash(logRoot))
}

func TestAnAnchoredBatchIsFoundByItsEvent(t *testing.T) {
	shop := setup(t)
	shop.send(shop.abi.PackAnchor(1, common.HexToHash("0x01"), 1))
	receipt := shop.send(shop.abi.PackAnchor(2, root, 873))

	logs, err := shop.client.FilterLogs(t.Context(), ethereum.FilterQuery{
		FromBlock: big.NewInt(0), Addresses: []common.Address{shop.contract}, Topics: binding.BatchAnchoredTopics(2),
	})
	require.NoError(t, err)
	require.Len(t, logs, 1)
	require.Equal(t, receipt.TxHash, logs[0].TxHash)

	said, err := shop.abi.UnpackBatchAnchoredEvent(&logs[0])
	require.NoError(t, err)
	require.EqualValues(t, 2, said.BatchId)
	require.Equal(t, root, common.Hash(said.Root))
	require.EqualValues(t, 873, said.Size)

	require.True(t, shop.contains(2, root, 873, entry(1, common.HexToHash("0x01"), 1)))
	require.False(t, shop.contains(1, root, 873, entry(1, common.HexToHash("0x01"), 1)))
}

func TestARefusalSaysWhy(t *testing.T) {
	shop := setup(t)
	require.Equal(t, &binding.SaleAnchorWrongBatchId{Given: 3, Expected: 1},
		shop.refusal(shop.anchorer, shop.abi.PackAnchor(3, root, 1)))
	require.Equal(t, &binding.SaleAnchorNotAnchorer{Caller: shop.owner},
		shop.refusal(shop.owner, shop.abi.PackAnchor(1, root, 1)))
	require.Equal(t, &binding.SaleAnchorEmptyRoot{},
		shop.refusal(shop.anchorer, shop.abi.PackAnchor(1, common.Hash{}, 1)))
	require.Equal(t, &binding.SaleAnchorEmptyBatch{},
		shop.refusal(shop.anchorer, shop.abi.PackAnchor(1, root, 0)))
	require.Equal(t, &binding.SaleAnchorZeroAnchorer{},
		shop.refusal(shop.owner, shop.abi.PackSetAnchorer(common.Address{})))
	require.Equal(t, &binding.SaleAnchorOwnableUnauthorizedAccount{Account: shop.anchorer},
		shop.refusal(shop.anchorer, shop.abi.PackSetAnchorer(shop.anchorer)))
}

func TestARevertThatIsNotOursIsAnErrorNotAPanic(t *testing.T) {
	for _, data := range [][]byte{nil, {}, {1, 2, 3}, {1, 2, 3, 4}, binding.NewSaleAnchor().PackNextBatchId()} {
		_, err := binding.UnpackRevert(data)
		require.Errorf(t, err, "%x", data)
	}
}

func TestTheVectorsVerifyOnTheChain(t *testing.T) {
	shop := setup(t)
	trees := vectors(t)
	var entries []common.Hash
	for i, tree := range trees {
		id := uint64(i + 1)
		shop.send(shop.abi.PackAnchor(id, tree.Root, tree.Size))
		entries = append(entries, entry(id, tree.Root, tree.Size))
	}
	for i, tree := range trees {
		id, path := uint64(i+1), pathOf(i, entries)
		for at, proof := range tree.Proofs {
			hash, wei := tree.sale(t, at)
			require.True(t, shop.verifies(id, tree.Size, hash, wei, proof, path), "batch %d sale %s", id, at)
			require.False(t, shop.verifies(id, tree.Size, hash, new(big.Int).Add(wei, big.NewInt(1)), proof, path), "batch %d sale %s", id, at)
		}
	}
}

func TestTheCodeReturnedIsACopy(t *testing.T) {
	code := binding.RuntimeCode()
	code[0] ^= 0xff
	require.NotEqual(t, code, binding.RuntimeCode())
	first := binding.DeployData(common.HexToAddress("0x1"), common.HexToAddress("0x2"))
	binding.DeployData(common.HexToAddress("0x3"), common.HexToAddress("0x4"))
	require.Equal(t, first, binding.DeployData(common.HexToAddress("0x1"), common.HexToAddress("0x2")))
}

// shop is a SaleAnchor on a go-ethereum chain of its own, which mines when send asks it to.
type shop struct {
	t               *testing.T
	chain           *simulated.Backend
	client          simulated.Client
	abi             *binding.SaleAnchor
	key             *ecdsa.PrivateKey
	owner, anchorer common.Address
	contract        common.Address
	deployGas       uint64
}

func setup(t *testing.T, options ...func(*node.Config, *ethconfig.Config)) *shop {
	t.Helper()
	key, err := crypto.GenerateKey()
	require.NoError(t, err)
	s := &shop{
		t: t, key: key, abi: binding.NewSaleAnchor(),
		owner:    common.HexToAddress("0xa11ce"),
		anchorer: crypto.PubkeyToAddress(key.PublicKey),
	}
	s.chain = simulated.NewBackend(types.GenesisAlloc{s.anchorer: {Balance: big.NewInt(params.Ether)}}, options...)
	t.Cleanup(func() { require.NoError(t, s.chain.Close()) })
	s.client = s.chain.Client()

	deployed := s.mine(nil, binding.DeployData(s.owner, s.anchorer))
	s.contract, s.deployGas = deployed.ContractAddress, deployed.GasUsed
	return s
}

func (s *shop) send(data []byte) *types.Receipt {
	s.t.Helper()
	return s.mine(&s.contract, data)
}

func (s *shop) mine(to *common.Address, data []byte) *types.Receipt {
	s.t.Helper()
	ctx := s.t.Context()
	chainID, err := s.client.ChainID(ctx)
	require.NoError(s.t, err)
	nonce, err := s.client.PendingNonceAt(ctx, s.anchorer)
	require.NoError(s.t, err)
	tx, err := types.SignNewTx(s.key, types.LatestSignerForChainID(chainID), &types.DynamicFeeTx{
		ChainID: chainID, Nonce: nonce, To: to, Data: data, Gas: 8_000_000,
		GasTipCap: big.NewInt(params.GWei), GasFeeCap: big.NewInt(10 * params.GWei),
	})
	require.NoError(s.t, err)
	require.NoError(s.t, s.client.SendTransaction(ctx, tx))
	s.chain.Commit()
	receipt, err := s.client.TransactionReceipt(ctx, tx.Hash())
	require.NoError(s.t, err)
	require.Equal(s.t, types.ReceiptStatusSuccessful, receipt.Status)
	return receipt
}

func (s *shop) call(data []byte) []byte {
	s.t.Helper()
	answer, err := s.client.CallContract(s.t.Context(), ethereum.CallMsg{To: &s.contract, Data: data}, nil)
	require.NoError(s.t, err)
	return answer
}

func (s *shop) contains(id uint64, root common.Hash, size uint32, path ...common.Hash) bool {
	s.t.Helper()
	ok, err := s.abi.UnpackContains(s.call(s.abi.PackContains(id, root, size, words(path))))
	require.NoError(s.t, err)
	return ok
}

func (s *shop) verifies(id uint64, size uint32, hash common.Hash, wei *big.Int, proof, path []common.Hash) bool {
	s.t.Helper()
	ok, err := s.abi.UnpackVerify(s.call(s.abi.PackVerify(id, size, hash, wei, words(proof), words(path))))
	require.NoError(s.t, err)
	return ok
}

// words is how the generated code takes hashes.
func words(hashes []common.Hash) [][32]byte {
	words := make([][32]byte, len(hashes))
	for i, hash := range hashes {
		words[i] = hash
	}
	return words
}

// refusal is what an eth_call from there reverts with.
func (s *shop) refusal(from common.Address, data []byte) any {
	s.t.Helper()
	_, err := s.client.CallContract(s.t.Context(), ethereum.CallMsg{From: from, To: &s.contract, Data: data}, nil)
	var refused rpc.DataError
	require.Truef(s.t, errors.As(err, &refused), "a revert with data, not %v", err)
	reason, err := binding.UnpackRevert(hexutil.MustDecode(fmt.Sprint(refused.ErrorData())))
	require.NoError(s.t, err)
	return reason
}

// tree is a vector of testdata/trees.json; Proofs are by their place in Values.
type tree struct {
	Size   uint32                   `json:"size"`
	Root   common.Hash              `json:"root"`
	Values [][2]string              `json:"values"`
	Proofs map[string][]common.Hash `json:"proofs"`
}

func vectors(t *testing.T) []tree {
	t.Helper()
	data, err := os.ReadFile("../testdata/trees.json")
	require.NoError(t, err)
	var file struct {
		Vectors []tree `json:"vectors"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Vectors)
	return file.Vectors
}

func (v tree) sale(t *testing.T, at string) (common.Hash, *big.Int) {
	t.Helper()
	var i int
	_, err := fmt.Sscan(at, &i)
	require.NoError(t, err)
	wei, ok := new(big.Int).SetString(v.Values[i][1], 10)
	require.True(t, ok)
	return common.HexToHash(v.Values[i][0]), wei
}
