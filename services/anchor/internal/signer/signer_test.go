package signer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/signer"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

const keyHex = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

var chainID = big.NewInt(1337)

func sample(to *common.Address) *types.DynamicFeeTx {
	return &types.DynamicFeeTx{Nonce: 7, GasFeeCap: big.NewInt(20), GasTipCap: big.NewInt(2), Gas: 100, To: to, Value: new(big.Int), Data: []byte{1, 2}}
}

// external plays a signer's JSON-RPC; change spoils the transaction before it is signed.
func external(t *testing.T, key string, shape func(raw hexutil.Bytes) any, change func(*types.DynamicFeeTx)) string {
	t.Helper()
	private, err := crypto.HexToECDSA(key)
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			ID     json.RawMessage
			Method string
			Params []json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		var result any = []common.Address{crypto.PubkeyToAddress(mustKey(keyHex).PublicKey)}
		if req.Method == "eth_signTransaction" {
			var asked struct {
				Gas, Nonce                                hexutil.Uint64
				MaxFeePerGas, MaxPriorityFeePerGas, Value *hexutil.Big
				Data                                      hexutil.Bytes
				To                                        *common.Address
			}
			if err := json.Unmarshal(req.Params[0], &asked); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			tx := &types.DynamicFeeTx{
				ChainID: chainID, Nonce: uint64(asked.Nonce), GasFeeCap: asked.MaxFeePerGas.ToInt(), GasTipCap: asked.MaxPriorityFeePerGas.ToInt(),
				Gas: uint64(asked.Gas), To: asked.To, Value: asked.Value.ToInt(), Data: asked.Data,
			}
			if change != nil {
				change(tx)
			}
			raw, _ := types.MustSignNewTx(private, types.LatestSignerForChainID(chainID), tx).MarshalBinary()
			result = shape(raw)
		}
		body, _ := json.Marshal(result)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, req.ID, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func web3signer(raw hexutil.Bytes) any { return raw }
func geth(raw hexutil.Bytes) any       { return map[string]any{"raw": raw, "tx": map[string]any{}} }

func TestBothShapesOfAnExternalSignerAreUnderstood(t *testing.T) {
	for name, shape := range map[string]func(hexutil.Bytes) any{"web3signer": web3signer, "geth": geth} {
		for _, to := range []*common.Address{nil, {9}} {
			s, err := signer.Dial(t.Context(), config.Secret(external(t, keyHex, shape, nil)), common.Address{})
			require.NoError(t, err, name)
			signed, err := s.Sign(t.Context(), sample(to), chainID)
			require.NoError(t, err, name)
			require.Equal(t, uint64(7), signed.Nonce())
			s.Close()
		}
	}
}

func TestAnExternalSignersAnswerIsNotBelieved(t *testing.T) {
	other := "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
	for name, change := range map[string]func(*types.DynamicFeeTx){
		"nonce": func(tx *types.DynamicFeeTx) { tx.Nonce++ }, "to": func(tx *types.DynamicFeeTx) { tx.To = &common.Address{8} },
		"value": func(tx *types.DynamicFeeTx) { tx.Value = big.NewInt(1) }, "data": func(tx *types.DynamicFeeTx) { tx.Data = nil },
		"gas": func(tx *types.DynamicFeeTx) { tx.Gas++ }, "fee": func(tx *types.DynamicFeeTx) { tx.GasFeeCap = big.NewInt(21) },
		"tip": func(tx *types.DynamicFeeTx) { tx.GasTipCap = big.NewInt(1) }, "to left out": func(tx *types.DynamicFeeTx) { tx.To = nil },
	} {
		s, err := signer.Dial(t.Context(), config.Secret(external(t, keyHex, web3signer, change)), common.Address{})
		require.NoError(t, err)
		_, err = s.Sign(t.Context(), sample(&common.Address{9}), chainID)
		require.True(t, fault.Is(err, fault.Fatal), "%s: %v", name, err)
		s.Close()
	}
	s, err := signer.Dial(t.Context(), config.Secret(external(t, other, web3signer, nil)), common.Address{})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Sign(t.Context(), sample(nil), chainID)
	require.ErrorContains(t, err, "with a key other than that of")
	require.True(t, fault.Is(err, fault.Fatal))
}

func TestASignerWithoutTheAccountIsRefusedAndOneThatIsAwayMayComeBack(t *testing.T) {
	url := external(t, keyHex, web3signer, nil)
	_, err := signer.Dial(t.Context(), config.Secret(url), common.Address{9})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "ANCHOR_SIGNER_ADDRESS")
	_, err = signer.Dial(t.Context(), "http://user:secret@127.0.0.1:1", common.Address{})
	require.True(t, fault.Is(err, fault.Transient), "%v", err)
	require.NotContains(t, err.Error(), "secret")
	_, err = signer.Dial(t.Context(), "secret", common.Address{})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.NotContains(t, err.Error(), "secret")
}

func TestAKeystoreOpensWithItsPasswordAndLoosePermissionsAreRefused(t *testing.T) {
	dir := t.TempDir()
	account, err := keystore.StoreKey(dir, "hunter2", keystore.LightScryptN, keystore.LightScryptP)
	require.NoError(t, err)
	path, password := account.URL.Path, filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(password, []byte("hunter2\n"), 0o600))
	s, err := signer.FromKeystore(path, password)
	require.NoError(t, err)
	require.Equal(t, account.Address, s.Address())
	signed, err := s.Sign(context.Background(), sample(nil), chainID)
	require.NoError(t, err)
	sender, err := types.Sender(types.LatestSignerForChainID(chainID), signed)
	require.NoError(t, err)
	require.Equal(t, account.Address, sender)

	for variable, spoil := range map[string]string{"ANCHOR_KEYSTORE": path, "ANCHOR_KEYSTORE_PASSWORD_FILE": password} {
		require.NoError(t, os.Chmod(spoil, 0o640))
		_, err = signer.FromKeystore(path, password)
		require.ErrorContains(t, err, variable)
		require.True(t, fault.Is(err, fault.Invalid))
		require.NoError(t, os.Chmod(spoil, 0o600))
	}
	require.NoError(t, os.WriteFile(password, []byte("wrong"), 0o600))
	_, err = signer.FromKeystore(path, password)
	require.True(t, fault.Is(err, fault.Invalid))
	require.NotContains(t, err.Error(), "wrong")
	_, err = signer.FromPrivateKey("hunter2")
	require.ErrorContains(t, err, "ANCHOR_PRIVATE_KEY")
	require.NotContains(t, err.Error(), "hunter2")
}
