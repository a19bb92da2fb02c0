package active

import (
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/anchor/internal/chain"
	"github.com/tillseal/tillseal/shared/fault"
)

func TestOneLookStopsNothing(t *testing.T) {
	halt, unavailable := fault.New(fault.Fatal, "another root"), fault.New(fault.Transient, "unavailable")
	var s stopping
	for range haltChecks - 1 {
		require.False(t, s.note(halt))
		require.False(t, s.note(unavailable), "it neither counts nor ends the row")
	}
	require.False(t, s.note(nil), "a good check ends the row")
	for range haltChecks - 1 {
		require.False(t, s.note(halt))
	}
	require.True(t, s.note(fault.New(fault.Invalid, "too slow")))
}

func TestAChainIsSettledOnceTheNodesHaveSaidItOften(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	of := func(id int64, genesis byte) chain.Identity {
		return chain.Identity{ChainID: big.NewInt(id), Genesis: common.Hash{genesis}}
	}
	dev, ours, other, elsewhere := of(1337, 1), of(1, 1), of(1, 2), of(5, 1)
	for name, c := range map[string]struct {
		seen                 []chain.Identity
		known                []chain.Identity
		established, excused bool
	}{
		"the first on a development chain":         {[]chain.Identity{dev}, nil, true, false},
		"the first on another":                     {[]chain.Identity{ours}, nil, false, false},
		"reported often":                           {[]chain.Identity{ours, ours, ours}, nil, true, false},
		"reported often, but not in a row":         {[]chain.Identity{ours, ours, other, ours}, nil, false, false},
		"the journal's":                            {[]chain.Identity{ours}, []chain.Identity{other, ours}, false, false},
		"another genesis":                          {[]chain.Identity{other}, []chain.Identity{ours}, false, true},
		"another chain id":                         {[]chain.Identity{elsewhere}, []chain.Identity{ours}, false, true},
		"a development chain recreated":            {[]chain.Identity{dev}, []chain.Identity{ours}, false, true},
		"a development chain recreated, and stays": {[]chain.Identity{dev, dev, dev}, []chain.Identity{ours}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			var s sighting
			for _, id := range c.seen {
				s.note(id, c.known, now)
			}
			require.Equal(t, c.established, s.established())
			require.Equal(t, c.excused, s.excuses(now))
			require.False(t, s.excuses(now.Add(strangeMax)), "but not for ever")
			s.note(c.seen[0], c.known, now.Add(lacksGap+time.Second))
			require.Equal(t, 1, s.checks, "others acted between the two")
		})
	}
}
