package commit

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/store"
)

func TestWhatHasMovedIsNotAsItIsRemembered(t *testing.T) {
	account := func() *store.Account {
		return &store.Account{CustomerID: "C-1", Balance: 1, Purchases: 2, Entries: 3, LastRecordedUS: 4}
	}
	head := func() *store.Head { return &store.Head{TerminalID: "t1", Series: 1, Records: 2, Hash: common.Hash{3}} }
	refunds := func() *store.RefundState {
		return &store.RefundState{SaleID: uuid.UUID{1}, TotalMinor: 5, RefundedMinor: 1, Clawed: 2, Returned: 3, Refunds: 4}
	}
	var m memory
	none := &state{accounts: map[string]*store.Account{"": {CustomerID: "C-3"}}}
	u := m.unseen(none, false)
	require.Empty(t, u.accounts, "its first entry's number tells")
	u = m.unseen(none, true)
	require.Len(t, u.accounts, 1)
	seen := func(a *store.Account, h *store.Head, r *store.RefundState) int {
		s := &state{
			accounts: map[string]*store.Account{"": a}, heads: map[string]*store.Head{"": h}, refunds: map[uuid.UUID]*store.RefundState{{}: r},
		}
		u := m.unseen(s, false)
		return len(u.accounts) + len(u.heads) + len(u.refunds)
	}
	require.Equal(t, 3, seen(account(), head(), refunds()), "nothing is known yet")
	m.remember(&store.Changes{Accounts: []store.Account{*account()}, Heads: []store.Head{*head()}, Refunds: []store.RefundState{*refunds()}})
	require.Zero(t, seen(account(), head(), refunds()))
	for i, move := range []func(*store.Account){
		func(a *store.Account) { a.CustomerID = "C-2" }, func(a *store.Account) { a.Balance++ }, func(a *store.Account) { a.Purchases++ },
		func(a *store.Account) { a.Entries++ }, func(a *store.Account) { a.LastRecordedUS++ }, func(a *store.Account) { a.BonusDue = true },
	} {
		moved := account()
		move(moved)
		require.Equal(t, 1, seen(moved, head(), refunds()), "%d", i)
	}
	for i, move := range []func(*store.Head){
		func(h *store.Head) { h.TerminalID = "t2" }, func(h *store.Head) { h.Series++ }, func(h *store.Head) { h.Records++ },
		func(h *store.Head) { h.Hash[31]++ },
	} {
		moved := head()
		move(moved)
		require.Equal(t, 1, seen(account(), moved, refunds()), "%d", i)
	}
	for i, move := range []func(*store.RefundState){
		func(r *store.RefundState) { r.SaleID[0]++ }, func(r *store.RefundState) { r.TotalMinor++ }, func(r *store.RefundState) { r.RefundedMinor++ },
		func(r *store.RefundState) { r.Clawed++ }, func(r *store.RefundState) { r.Returned++ }, func(r *store.RefundState) { r.Refunds++ },
	} {
		moved := refunds()
		move(moved)
		require.Equal(t, 1, seen(account(), head(), moved), "%d", i)
	}
}

func TestWhatIsUsedIsRememberedAndTheRestIsBounded(t *testing.T) {
	var m memory
	id := func(n int64) [16]byte { return digest('x', nil, n) }
	m.note(id(-1), id(0))
	m.note(id(-2), id(0))
	for n := range int64(2 * maxRemembered) {
		m.note(id(n), id(n))
		require.True(t, m.has(id(-1), id(0)))
	}
	require.False(t, m.has(id(-2), id(0)), "nobody asked for it for two generations")
	require.True(t, m.has(id(2*maxRemembered-1), id(2*maxRemembered-1)))
	require.LessOrEqual(t, len(m.young)+len(m.old), 2*maxRemembered)
	m.note(id(-1), id(1))
	require.False(t, m.has(id(-1), id(0)), "the state of before")
	require.True(t, m.has(id(-1), id(1)))
}
