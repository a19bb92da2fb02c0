package binding_test

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/contracts/binding"
)

const gasBatches = 1024

func TestGas(t *testing.T) {
	for _, fork := range []string{"osaka", "amsterdam"} {
		l := ledgerOf(t, fork)
		_ = l
	}
}

type gasLedger struct {
	deploy uint64
	batch  []uint64
}

func ledgerOf(t *testing.T, fork string) gasLedger {
	rules := *params.MergedTestChainConfig
	rules.AmsterdamTime, rules.BogotaTime = nil, nil
	if fork == "amsterdam" {
		rules.AmsterdamTime = new(uint64)
	}
	db, err := state.New(types.EmptyRootHash, state.NewDatabaseForTesting())
	require.NoError(t, err)
	anchorer, owner := common.HexToAddress("0xb0b"), common.HexToAddress("0xa11ce")
	db.AddBalance(anchorer, uint256.MustFromBig(new(big.Int).Lsh(big.NewInt(1), 100)), tracing.BalanceChangeUnspecified)
	block := vm.BlockContext{
		CanTransfer: core.CanTransfer, Transfer: core.Transfer, GetHash: func(uint64) common.Hash { return common.Hash{} },
		BlockNumber: big.NewInt(1), Time: 1, Difficulty: new(big.Int), GasLimit: 60_000_000, BaseFee: big.NewInt(params.GWei), BlobBaseFee: big.NewInt(1), Random: new(common.Hash), CostPerStateByte: params.CostPerStateByte,
	}
	nonce := uint64(0)
	send := func(to *common.Address, data []byte, limit uint64) uint64 {
		evm := vm.NewEVM(block, db, &rules, vm.Config{})
		one := uint256.NewInt(params.GWei)
		result, err := core.ApplyMessage(evm, &core.Message{
			From: anchorer, To: to, Nonce: nonce, GasLimit: limit, GasPrice: one, GasFeeCap: one, GasTipCap: uint256.NewInt(0), Value: new(uint256.Int), Data: data,
		}, nil)
		require.NoError(t, err)
		require.NoError(t, result.Err)
		nonce++
		db.Finalise(rules.Rules(block.BlockNumber, true, block.Time))
		return result.UsedGas
	}
	var l gasLedger
	l.deploy = send(nil, binding.DeployData(owner, anchorer), 8_000_000)
	contract := crypto.CreateAddress(anchorer, 0)
	abi := binding.NewSaleAnchor()
	for id := uint64(1); id <= gasBatches; id++ {
		l.batch = append(l.batch, send(&contract, abi.PackAnchor(id, common.HexToHash("0x"+strings.Repeat("f", 64)), math.MaxUint32), 1_000_000))
	}
	sum, best, worst := uint64(0), uint64(math.MaxUint64), uint64(0)
	for id := 257; id <= 511; id++ {
		g := l.batch[id-1]
		sum += g
		best, worst = min(best, g), max(worst, g)
	}
	fmt.Println(fork, "deploy", l.deploy, "avg", sum/255, best, worst, "first", l.batch[:9], "256", l.batch[255], "512", l.batch[511], l.batch[510], "1023", l.batch[1022])
	return l
}
