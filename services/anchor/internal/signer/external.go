package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

const signTimeout = 15 * time.Second // too short for a person to confirm: the signer must sign without one

// External signs through eth_signTransaction of a program that holds the key, such as web3signer or clef. What comes back is
// checked: the sender recovered from the signature, and that every field is as asked.
type External struct {
	client  *rpc.Client
	address common.Address
}

// Dial asks the signer for its accounts. With several, want names one; one that the signer lacks is Invalid. A signer that does not
// answer is Transient. The URL may hold a password and is never shown.
func Dial(ctx context.Context, url config.Secret, want common.Address) (*External, error) {
	if !strings.HasPrefix(url.Reveal(), "http://") && !strings.HasPrefix(url.Reveal(), "https://") {
		return nil, fault.New(fault.Invalid, "ANCHOR_SIGNER_URL is not http or https")
	}
	client, err := rpc.DialContext(ctx, url.Reveal())
	if err != nil {
		return nil, fault.New(fault.Invalid, "ANCHOR_SIGNER_URL can't be used")
	}
	e := &External{client: client}
	var accounts []common.Address
	if err := e.call(ctx, &accounts, "eth_accounts"); err != nil {
		client.Close()
		return nil, err
	}
	if e.address, err = pick(accounts, want); err != nil {
		client.Close()
		return nil, err
	}
	return e, nil
}

func pick(accounts []common.Address, want common.Address) (common.Address, error) {
	none := want == (common.Address{})
	if none && len(accounts) == 1 {
		return accounts[0], nil
	}
	for _, account := range accounts {
		if account == want && !none {
			return account, nil
		}
	}
	if none {
		return common.Address{}, fault.New(fault.Invalid, "the signer at ANCHOR_SIGNER_URL has %d accounts: set ANCHOR_SIGNER_ADDRESS to one of them", len(accounts))
	}
	return common.Address{}, fault.New(fault.Invalid, "the signer at ANCHOR_SIGNER_URL has no account %s (ANCHOR_SIGNER_ADDRESS)", want.Hex())
}

func (e *External) call(ctx context.Context, result any, method string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, signTimeout)
	defer cancel()
	err := e.client.CallContext(ctx, result, method, args...)
	var answered rpc.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answered):
		return fault.New(fault.Transient, "the signer refuses %s: %s", method, answered.Error())
	}
	return fault.New(fault.Transient, "the signer does not answer %s", method) // the cause may quote the URL
}

// Close closes idle connections.
func (e *External) Close() { e.client.Close() }

// Address is the account that the signer signs for.
func (e *External) Address() common.Address { return e.address }

// Sign has the signer sign a transaction. One that comes back changed, or signed with another key, is Fatal.
func (e *External) Sign(ctx context.Context, tx *types.DynamicFeeTx, chainID *big.Int) (*types.Transaction, error) {
	asked := map[string]any{
		"from": e.address, "gas": hexutil.Uint64(tx.Gas), "nonce": hexutil.Uint64(tx.Nonce), "chainId": (*hexutil.Big)(chainID), "type": "0x2",
		"maxFeePerGas": (*hexutil.Big)(tx.GasFeeCap), "maxPriorityFeePerGas": (*hexutil.Big)(tx.GasTipCap),
		"value": (*hexutil.Big)(tx.Value), "data": hexutil.Bytes(tx.Data),
	}
	if tx.To != nil {
		asked["to"] = tx.To
	}
	var answer json.RawMessage
	if err := e.call(ctx, &answer, "eth_signTransaction", asked); err != nil {
		return nil, err
	}
	raw, err := rawOf(answer)
	if err != nil {
		return nil, fault.New(fault.Transient, "the signer's answer is neither web3signer's nor geth's")
	}
	signed := new(types.Transaction)
	if err := signed.UnmarshalBinary(raw); err != nil {
		return nil, fault.New(fault.Fatal, "the signer's answer is not a transaction: %w", err)
	}
	return signed, e.check(signed, tx, chainID)
}

// rawOf reads the signed bytes: web3signer answers them alone, geth and clef in the member raw.
func rawOf(answer json.RawMessage) (raw hexutil.Bytes, err error) {
	if json.Unmarshal(answer, &raw) == nil {
		return raw, nil
	}
	var wrapped struct {
		Raw *hexutil.Bytes `json:"raw"`
	}
	if err := json.Unmarshal(answer, &wrapped); err != nil {
		return nil, err
	}
	if wrapped.Raw == nil {
		return nil, errors.New("member raw is missing")
	}
	return *wrapped.Raw, nil
}

func (e *External) check(signed *types.Transaction, tx *types.DynamicFeeTx, chainID *big.Int) error {
	sender, err := types.Sender(types.LatestSignerForChainID(chainID), signed)
	if err != nil || sender != e.address {
		return fault.New(fault.Fatal, "the signer signed with a key other than that of %s", e.address.Hex())
	}
	sameTo := tx.To == nil && signed.To() == nil || tx.To != nil && signed.To() != nil && *tx.To == *signed.To()
	if signed.Type() != types.DynamicFeeTxType || signed.ChainId().Cmp(chainID) != 0 || signed.Nonce() != tx.Nonce || !sameTo ||
		signed.Gas() != tx.Gas || signed.GasFeeCap().Cmp(tx.GasFeeCap) != 0 || signed.GasTipCap().Cmp(tx.GasTipCap) != 0 ||
		signed.Value().Cmp(tx.Value) != 0 || !bytes.Equal(signed.Data(), tx.Data) || len(signed.AccessList()) != 0 {
		return fault.New(fault.Fatal, "the signer signed a transaction other than the one it was given")
	}
	return nil
}
