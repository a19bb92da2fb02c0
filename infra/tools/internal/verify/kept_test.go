package verify_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/verify"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAPromiseIsKeptBrokenOrNotDueYet(t *testing.T) {
	s := setup(t)
	today, jws := s.promised(time.Now())
	proof := s.prove(today, record, s.sold().AmountWei, 6)
	longAgo, oldJWS := s.promised(time.Now().Add(-5 * 24 * time.Hour))
	late := s.prove(longAgo, record, proof.AmountWei, 6)
	next := today
	next.SaleID, next.RecordNumber = "019aa9c5-5f3a-7c3e-9d1b-2f6f0c9b7a12", 1043
	answer, old := answerOf(t, today, jws), answerOf(t, longAgo, oldJWS)
	elsewhere := promised(longAgo, s.chain.ChainID().String(), testkit.DevAddress.Hex())
	onAnother := promised(longAgo, "1", s.contract.Hex())
	s.requirePromises(map[string]promiseCase{
		"kept":                        {answer, []string{"-proof", file(t, encode(t, proof))}, 0, "\nkept: in block "},
		"kept, by the shop's URL":     {answer, []string{"-proof", serve(t, 200, string(encode(t, proof)))}, 0, "\nkept: in block "},
		"kept, by a proof alone":      {encode(t, proof), nil, 0, "\nkept: in block "},
		"kept, of a bare promise":     {[]byte(jws + "\n"), []string{"-proof", file(t, encode(t, proof))}, 0, "\nkept: in block "},
		"too late":                    {old, []string{"-proof", file(t, encode(t, late))}, 1, "\nbroken: it was anchored too late, in block "},
		"too late, by a proof alone":  {encode(t, late), nil, 1, "\nbroken: it was anchored too late, in block "},
		"no proof, and there is time": {answer, nil, 0, "\nnot due yet: due at "},
		"no proof, and it is over":    {old, nil, 1, "no proof was produced: none was given\n"},
		"a proof of another record": {
			old, []string{"-proof", file(t, encode(t, s.prove(next, record, proof.AmountWei, 1)))}, 1, "the proof is of another record",
		},
		"a proof that is not valid": {
			old, []string{"-proof", file(t, change(t, late, "leaf", common.Hash{1}.Hex()))}, 1, "no proof was produced: the proof is invalid: leaf\n",
		},
		"a proof that is not valid, and there is time": {
			answer, []string{"-proof", file(t, change(t, proof, "leaf", common.Hash{1}.Hex()))}, 0, "no proof so far: the proof is invalid: leaf\n",
		},
		"what is no proof": {old, []string{"-proof", file(t, []byte(`{}`))}, 1, "what was produced is no proof"},
		"another contract was promised": {
			answerOf(t, longAgo, s.key.SignSale(elsewhere)), []string{"-proof", file(t, encode(t, late))}, 1, "the proof is of contract " + s.contract.Hex(),
		},
		"another chain was promised": {
			answerOf(t, longAgo, s.key.SignSale(onAnother)), []string{"-proof", file(t, encode(t, late))}, 1, "the proof is of contract " + s.contract.Hex(),
		},
		"another contract was published": {
			old, []string{"-contract", testkit.DevAddress.Hex(), "-proof", file(t, encode(t, late))}, 1, "the proof is invalid: contract\n",
		},
		"no such proof": {answer, []string{"-proof", "/nowhere"}, 2, "no such file"},
		"no node":       {answer, []string{"-rpc", closedURL(t) + "/sesame", "-proof", file(t, encode(t, proof))}, 2, "connection refused"},
		"the evidence":  {old, nil, 1, "signed with the key " + s.key.ID() + "\npromise  to be anchored at contract " + s.contract.Hex() + " on chain "},
	}, "-rpc", s.chain.URL(), "-jwks", file(t, keysOf(s.key)))
	code, said := program(t, answer, "promise", "-jwks", file(t, keysOf(s.key)), "-proof", file(t, encode(t, proof)), "-")
	require.Equal(t, 2, code)
	require.Contains(t, said, "-rpc")
}

func TestAPromiseIsDueAtItsSecond(t *testing.T) {
	s := setup(t)
	facts := tea()
	proof := s.prove(facts, record, s.sold().AmountWei, 2)
	block, err := s.client.HeaderByHash(t.Context(), proof.Chain.BlockHash)
	require.NoError(t, err)
	mined := int64(block.Time)
	keys := file(t, keysOf(s.key))
	due := func(at int64) []byte {
		said := promised(facts, "", "")
		said.AnchorBy = at
		return []byte(s.key.SignSale(said))
	}
	for _, c := range []struct {
		due, now int64
		args     []string
		want     string
	}{
		{mined, mined + 9, []string{"-proof", file(t, encode(t, proof)), "-rpc", s.chain.URL()}, "\nkept: in block "},
		{mined - 1, mined + 9, []string{"-proof", file(t, encode(t, proof)), "-rpc", s.chain.URL()}, "\nbroken: it was anchored too late, in block "},
		{mined, mined, nil, "\nnot due yet: "},
		{mined, mined + 1, nil, "\nbroken: it was due at "},
	} {
		var out bytes.Buffer
		verify.MainAt(t.Context(), time.Unix(c.now, 0), append([]string{"promise", "-jwks", keys, "-"}, c.args...), bytes.NewReader(due(c.due)), &out, &out)
		require.Contains(t, out.String(), c.want)
	}
	code, said := program(t, due(mined), "promise", "-jwks", keys, "-proof", file(t, encode(t, proof)), "-rpc", s.chain.URL(), "-")
	require.Zero(t, code)
	require.Contains(t, said, "is named by the proof alone")
	code, said = program(t, due(mined), "promise", "-jwks", keys, "-proof", file(t, encode(t, proof)), "-rpc", s.chain.URL(), "-contract", s.contract.Hex(), "-")
	require.Zero(t, code)
	require.NotContains(t, said, "is named by the proof alone")
}
