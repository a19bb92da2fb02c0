package signer_test

import (
	"crypto/ecdsa"

	"github.com/ethereum/go-ethereum/crypto"
)

func mustKey(hex string) *ecdsa.PrivateKey {
	key, err := crypto.HexToECDSA(hex)
	if err != nil {
		panic(err)
	}
	return key
}
