// Package signer holds the anchorer's key. The key never leaves this package and is never in a log or an error.
package signer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

// Local signs with a key in memory.
type Local struct {
	key     *ecdsa.PrivateKey
	address common.Address
}

// FromPrivateKey takes ANCHOR_PRIVATE_KEY, 32 bytes in hex. It is for development chains only, which the caller checks.
func FromPrivateKey(hex config.Secret) (*Local, error) {
	key, err := crypto.HexToECDSA(strings.TrimPrefix(hex.Reveal(), "0x"))
	if err != nil {
		return nil, fault.New(fault.Invalid, "ANCHOR_PRIVATE_KEY is not a private key of 32 bytes in hex") // the cause may quote it
	}
	return newLocal(key), nil
}

// FromKeystore decrypts an Ethereum keystore file (Web3 Secret Storage) with the password in another file. A file that others than its
// owner can use is refused.
func FromKeystore(path, passwordPath string) (*Local, error) {
	encrypted, err := config.ReadSecretFile("ANCHOR_KEYSTORE", path)
	if err != nil {
		return nil, err
	}
	password, err := config.ReadSecretFile("ANCHOR_KEYSTORE_PASSWORD_FILE", passwordPath)
	if err != nil {
		return nil, err
	}
	key, err := keystore.DecryptKey(encrypted, string(bytes.TrimRight(password, "\r\n")))
	if err != nil {
		return nil, fault.New(fault.Invalid, "ANCHOR_KEYSTORE can't be opened with the password of ANCHOR_KEYSTORE_PASSWORD_FILE")
	}
	return newLocal(key.PrivateKey), nil
}

func newLocal(key *ecdsa.PrivateKey) *Local {
	return &Local{key: key, address: crypto.PubkeyToAddress(key.PublicKey)}
}

// Address is the account that the key signs for.
func (l *Local) Address() common.Address { return l.address }

// Sign signs an EIP-1559 transaction for a chain (EIP-155 replay protection included).
func (l *Local) Sign(_ context.Context, tx *types.DynamicFeeTx, chainID *big.Int) (*types.Transaction, error) {
	tx.ChainID = chainID
	signed, err := types.SignNewTx(l.key, types.LatestSignerForChainID(chainID), tx)
	if err != nil {
		return nil, fault.New(fault.Fatal, "sign a transaction: %w", err)
	}
	return signed, nil
}
