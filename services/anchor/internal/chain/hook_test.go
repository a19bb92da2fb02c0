package chain_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

// otherBlock answers with a block of the same height and another hash.
func otherBlock(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
	reply := next(call)
	reply.Result = json.RawMessage(bytes.Replace(reply.Result, []byte(`"extraData":"0x`), []byte(`"extraData":"0xbd`), 1))
	return reply
}

var numberOf = regexp.MustCompile(`"number":"0x[0-9a-f]+"`)

// ahead answers "latest" with a block that is far higher than the chain.
func ahead(height uint64) testkit.Hook {
	return func(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
		reply := next(call)
		if string(call.Params[0]) == `"latest"` {
			reply.Result = numberOf.ReplaceAll(reply.Result, fmt.Appendf(nil, `"number":"0x%x"`, height))
		}
		return reply
	}
}

// finalizedIsLatest calls the newest block final.
func finalizedIsLatest(_ context.Context, call testkit.Call, next func(testkit.Call) testkit.Reply) testkit.Reply {
	if string(call.Params[0]) == `"finalized"` {
		call.Params[0] = json.RawMessage(`"latest"`)
	}
	return next(call)
}

// reply answers every call alike.
func reply(result string) testkit.Hook {
	return func(context.Context, testkit.Call, func(testkit.Call) testkit.Reply) testkit.Reply {
		return testkit.Reply{Result: json.RawMessage(result)}
	}
}

// pay makes a block with a transaction that leaves a tip.
func pay(t *testing.T, c *local.Chain, nonce uint64, tipWei int64) {
	t.Helper()
	key, err := crypto.HexToECDSA(testkit.DevKey)
	require.NoError(t, err)
	node, err := ethclient.Dial(c.URL())
	require.NoError(t, err)
	defer node.Close()
	require.NoError(t, node.SendTransaction(t.Context(), types.MustSignNewTx(key, types.LatestSignerForChainID(c.ChainID()), &types.DynamicFeeTx{
		ChainID: c.ChainID(), Nonce: nonce, To: &testkit.DevAddress, Gas: 21_000, GasTipCap: big.NewInt(tipWei), GasFeeCap: big.NewInt(100e9),
	})))
	c.Commit()
}

// transfer is a transaction of testkit.DevAddress to itself.
func transfer(t *testing.T) (raw []byte, hash common.Hash) {
	t.Helper()
	key, err := crypto.HexToECDSA(testkit.DevKey)
	require.NoError(t, err)
	tx := types.MustSignNewTx(key, types.LatestSignerForChainID(big.NewInt(1337)), &types.DynamicFeeTx{
		ChainID: big.NewInt(1337), To: &testkit.DevAddress, Gas: 21_000, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(2e9),
	})
	raw, err = tx.MarshalBinary()
	require.NoError(t, err)
	return raw, tx.Hash()
}
