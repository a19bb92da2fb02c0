package binding_test

import (
	"flag"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"
	"github.com/tillseal/tillseal/contracts/binding"
)

var update = flag.Bool("update", false, "rewrite testdata/gas.txt: a change of it is a change of what a shop pays")

const gasTable = "../testdata/gas.txt"

// The table covers eleven powers of two. Its average, best and worst are of the batches between two of them, which is what
// a shop pays but for a handful of batches in its life.
const (
	gasBatches = 1024
	usualFrom  = 257
	usualTo    = 511

	gasPlenty = 1_000_000
)

// The dearest calldata that the anchor makes: no byte of the root is zero, and none that a size up to 4,096 needs.
const dearSize = 4095

var dearRoot = common.HexToHash("0x" + strings.Repeat("f", 64))

// AnchorGas is between these multiples of what a batch uses under the dearest rules.
const (
	limitToUseMin = 1.5
	limitToUseMax = 2.0
)

// fork is a set of rules, and the most that a batch and a deployment may cost under them.
type fork struct {
	name                  string
	rules                 *params.ChainConfig
	averageMax, deployMax uint64
}

// Osaka is today's mainnet. Amsterdam's EIP-8037 charges for each byte that the state grows: a gas limit that is right
// today would fail on the day of the fork. go-ethereum's development chain has that charge, too, with what a transaction
// cost before.
func forks() []fork {
	osaka, amsterdam := *params.MergedTestChainConfig, *params.MergedTestChainConfig
	osaka.AmsterdamTime, osaka.BogotaTime = nil, nil
	amsterdam.AmsterdamTime, amsterdam.BogotaTime = new(uint64), nil
	return []fork{
		{"osaka", &osaka, 38_000, 700_000},
		{"amsterdam", &amsterdam, 46_500, 4_700_000},
		{"development", params.AllDevChainProtocolChanges, 52_000, 900_000},
	}
}

// What a batch costs is in a file, so that a change of the contract shows what it changes.
func TestTheGasOfABatch(t *testing.T) {
	table := fmt.Sprintf("Gas of a batch: average, best and worst of batches %d to %d, dearest of 1 to %d.\n\n", usualFrom, usualTo, gasBatches)
	table += fmt.Sprintf("%-12s %9s %9s %9s %9s %9s\n", "fork", "deploy", "average", "best", "worst", "dearest")
	for _, fork := range forks() {
		shop := deploy(t, fork.rules)
		var gas []uint64
		for id := uint64(1); id <= gasBatches; id++ {
			gas = append(gas, shop.anchor(id, gasPlenty))
		}
		usual := gas[usualFrom-1 : usualTo]
		average := sum(usual) / uint64(len(usual))
		require.LessOrEqual(t, average, fork.averageMax, fork.name)
		require.LessOrEqual(t, shop.deployGas, fork.deployMax, fork.name)
		table += fmt.Sprintf("%-12s %9d %9d %9d %9d %9d\n",
			fork.name, shop.deployGas, average, slices.Min(usual), slices.Max(usual), slices.Max(gas))
	}
	t.Logf("%s:\n\n%s", gasTable, table)
	if *update {
		require.NoError(t, os.WriteFile(gasTable, []byte(table), 0o600))
	}
	golden, err := os.ReadFile(gasTable)
	require.NoError(t, err)
	require.Equal(t, string(golden), table, "go test ./binding -run TestTheGasOfABatch -update, and commit what it shows")
}

// The limit is not estimated, so it must hold under the rules of any fork, and must not lock up much more than is used.
func TestTheGasLimitIsEnoughForAnyBatchAndNotFarTooMuch(t *testing.T) {
	var shops []*bareShop
	for _, fork := range forks() {
		shops = append(shops, deploy(t, fork.rules))
	}
	for id := uint64(1); id <= gasBatches; id++ {
		limit, dearest := binding.AnchorGas(id), uint64(0)
		for _, shop := range shops {
			dearest = max(dearest, shop.anchor(id, limit))
		}
		require.LessOrEqualf(t, float64(limit), limitToUseMax*float64(dearest), "batch %d", id)
		require.GreaterOrEqualf(t, float64(limit), limitToUseMin*float64(dearest), "batch %d", id)
	}
}

// No shop lives to see the great ids, but the limit is a formula and the log a loop.
func TestTheGasLimitIsEnoughHoweverLongTheLog(t *testing.T) {
	for _, fork := range forks() {
		shop := deploy(t, fork.rules)
		for height := range 64 {
			for _, id := range []uint64{1 << height, 1<<height | 1<<62} {
				shop.standAt(id)
				shop.anchor(id, binding.AnchorGas(id))
			}
		}
	}
}

func TestANodeChargesWhatTheTableSays(t *testing.T) {
	shop, bare := setup(t), deploy(t, params.AllDevChainProtocolChanges)
	for id := uint64(1); id <= 4; id++ {
		receipt := shop.send(shop.abi.PackAnchor(id, dearRoot, dearSize))
		require.Equal(t, bare.anchor(id, binding.AnchorGas(id)), receipt.GasUsed, "batch %d", id)
	}
}

// bareShop is a SaleAnchor under one fork's rules without a node: a thousand batches take a moment.
type bareShop struct {
	t         *testing.T
	rules     *params.ChainConfig
	block     vm.BlockContext
	db        *state.StateDB
	nonce     uint64
	abi       *binding.SaleAnchor
	anchorer  common.Address
	contract  common.Address
	deployGas uint64
}

func deploy(t *testing.T, rules *params.ChainConfig) *bareShop {
	t.Helper()
	db, err := state.New(types.EmptyRootHash, state.NewDatabaseForTesting())
	require.NoError(t, err)
	anchorer := common.HexToAddress("0x" + strings.Repeat("b0", 20))
	s := &bareShop{
		t: t, rules: rules, db: db, abi: binding.NewSaleAnchor(), anchorer: anchorer, contract: crypto.CreateAddress(anchorer, 0),
		block: vm.BlockContext{
			CanTransfer: core.CanTransfer, Transfer: core.Transfer, GetHash: func(uint64) common.Hash { return common.Hash{} },
			BlockNumber: big.NewInt(1), Time: 1, Difficulty: new(big.Int), Random: new(common.Hash), GasLimit: 60_000_000,
			BaseFee: new(big.Int), BlobBaseFee: big.NewInt(1), CostPerStateByte: params.CostPerStateByte,
		},
	}
	s.deployGas = s.apply(nil, binding.DeployData(common.HexToAddress("0x"+strings.Repeat("a1", 20)), anchorer), 8_000_000)
	return s
}

// anchor returns the gas that the batch used; the limit must be enough.
func (s *bareShop) anchor(id, limit uint64) uint64 {
	s.t.Helper()
	return s.apply(&s.contract, s.abi.PackAnchor(id, dearRoot, dearSize), limit)
}

func (s *bareShop) apply(to *common.Address, data []byte, limit uint64) uint64 {
	s.t.Helper()
	free := new(uint256.Int)
	result, err := core.ApplyMessage(vm.NewEVM(s.block, s.db, s.rules, vm.Config{}), &core.Message{
		From: s.anchorer, To: to, Nonce: s.nonce, Value: free, Data: data,
		GasLimit: limit, GasPrice: free, GasFeeCap: free, GasTipCap: free,
	}, nil)
	require.NoError(s.t, err)
	require.NoErrorf(s.t, result.Err, "with a gas limit of %d", limit)
	s.nonce++
	s.finalise()
	return result.UsedGas
}

// standAt leaves the contract as if all batches below id were anchored: nextBatchId and anchorer share slot 2, and behind
// it is a slot for each height that the log ever had a peak at.
func (s *bareShop) standAt(id uint64) {
	slot := func(n uint64) common.Hash { return common.BigToHash(new(big.Int).SetUint64(n)) }
	guard := new(big.Int).Lsh(new(big.Int).SetUint64(id), 160)
	s.db.SetState(s.contract, slot(2), common.BigToHash(guard.Or(guard, s.anchorer.Big())))
	for height := range uint64(64) {
		peak := common.Hash{}
		if (id-1)>>height > 0 {
			peak = dearRoot
		}
		s.db.SetState(s.contract, slot(3+height), peak)
	}
	s.finalise()
}

func (s *bareShop) finalise() {
	s.db.Finalise(s.rules.Rules(s.block.BlockNumber, true, s.block.Time))
}

func sum(values []uint64) uint64 {
	total := uint64(0)
	for _, v := range values {
		total += v
	}
	return total
}
