package step_test

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/step"
)

func TestWhatCanNotBeUndoneTakesMostOfTheConfiguredNodes(t *testing.T) {
	once := step.Sign{Batch: batch(1, "sealed")}
	again := step.Sign{Batch: batch(1, "broadcast", attempt(5, 0, 0)), Nonce: 6}
	for _, c := range []struct {
		step   step.Step
		weight step.Weight
	}{
		{step.Wait{}, step.One},
		{step.Seal{}, step.One},
		{step.Send{}, step.One},
		{step.Doubt{}, step.One},
		{step.Use{}, step.One},
		{once, step.One},
		{again, step.MostPresent},
		{step.Sign{Batch: again.Batch, Nonce: 5, Replaces: &again.Batch.Attempts[0]}, step.MostPresent},
		{step.Mined{}, step.MostPresent},
		{step.Reorged{}, step.MostPresent},
		{step.Final{}, step.MostConfigured},
		{step.Deploy{}, step.MostConfigured},
		{step.Halt{}, step.MostConfigured},
	} {
		require.Equal(t, c.weight, step.WeightOf(c.step), "%T %+v", c.step, c.step)
	}
}

func TestNodesAgreeOnAStepWhenItIsTheSame(t *testing.T) {
	old := attempt(5, 0, 0)
	sent := batch(1, "broadcast", old)
	mined := step.Mined{BatchID: 1, TxHash: tx, Block: block7}
	final := step.Final{Batches: []step.Batch{batch(1, "mined")}}
	for name, c := range map[string]struct {
		own, other step.Step
		agree      bool
	}{
		"two halts":                     {step.Halt{Reason: "a"}, step.Halt{Reason: "b"}, true},
		"a halt alone":                  {step.Halt{}, step.Wait{}, false},
		"mined alike":                   {mined, mined, true},
		"mined by another transaction":  {mined, step.Mined{BatchID: 1, TxHash: common.Hash{4}, Block: block7}, false},
		"mined in another block":        {mined, step.Mined{BatchID: 1, TxHash: tx, Block: other7}, false},
		"mined, says one":               {mined, step.Wait{}, false},
		"gone alike":                    {step.Reorged{BatchIDs: []uint64{1}}, step.Reorged{BatchIDs: []uint64{1}}, true},
		"more gone":                     {step.Reorged{BatchIDs: []uint64{1}}, step.Reorged{BatchIDs: []uint64{1, 2}}, false},
		"final alike":                   {final, final, true},
		"more final since":              {final, step.Final{Batches: []step.Batch{batch(1, "mined"), batch(2, "mined")}}, true},
		"another final":                 {final, step.Final{Batches: []step.Batch{batch(2, "mined")}}, false},
		"fewer final":                   {final, step.Final{}, false},
		"final, says one":               {final, step.Reorged{BatchIDs: []uint64{1}}, false},
		"signed again alike":            {step.Sign{Batch: sent, Nonce: 6}, step.Sign{Batch: sent, Nonce: 6}, true},
		"signed again at another nonce": {step.Sign{Batch: sent, Nonce: 6}, step.Sign{Batch: sent, Nonce: 7}, false},
		"signed again, says one":        {step.Sign{Batch: sent, Nonce: 6}, mined, false},
		"a higher fee or a new nonce":   {step.Sign{Batch: sent, Nonce: 5, Replaces: &old}, step.Sign{Batch: sent, Nonce: 5}, false},
		"deployed alike":                {step.Deploy{Nonce: 5}, step.Deploy{Nonce: 5}, true},
		"deployed at another nonce":     {step.Deploy{Nonce: 5}, step.Deploy{Nonce: 6}, false},
		"there is a contract, says one": {step.Deploy{Nonce: 5}, step.Use{}, false},
	} {
		require.Equal(t, c.agree, step.Agree(c.own, c.other), name)
	}
}

func TestOnTheWordOfTooFewNodesAHaltIsADoubtThatNamesIt(t *testing.T) {
	require.Equal(t, step.Doubt{Reason: "not most of the configured nodes agree: another root"},
		step.Unconfirmed(step.Halt{Reason: "another root"}, 7))
	require.Equal(t, step.Doubt{Reason: "too few nodes confirm at block 7 what would lead to step.Final"}, step.Unconfirmed(step.Final{}, 7))
}
