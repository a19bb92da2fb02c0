package active

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
)

func TestAHeadThatANodeMadeUpHoldsNoFeeDown(t *testing.T) {
	hash := common.Hash{1}
	sent := sendings{hash: {head: 1 << 62}}
	sent.lower(100)
	require.Equal(t, uint64(100), sent[hash].head)
	sent.lower(101)
	require.Equal(t, uint64(100), sent[hash].head)
}

func TestASecondCopyOfATransactionDoesNotPutItsRaiseOff(t *testing.T) {
	hash := common.Hash{1}
	sent := make(sendings)
	sent.note(hash, 100)
	first := sent[hash].at
	sent.note(hash, 105)
	require.Equal(t, uint64(100), sent[hash].head)
	require.False(t, sent[hash].at.Before(first))
}
