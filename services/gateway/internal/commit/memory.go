package commit

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/sale"
)

// maxRemembered is how many states of a generation are remembered, of which there are two: some fifteen megabytes, and more customers than a
// gateway serves in a busy week.
const maxRemembered = 1 << 17

// memory is what a gateway knows of accounts, heads and refund states: as it has committed or verified them last. One that is still the same
// need not be compared with the rows that it follows from; any other is. Hashes of states take their place. The zero memory remembers nothing.
type memory struct {
	young, old map[[16]byte][16]byte // by what it is of
}

// has reports whether what is of id is still as it was remembered.
func (m *memory) has(id, state [16]byte) bool {
	if known, young := m.young[id]; young {
		return known == state
	}
	known, ok := m.old[id]
	if !ok || known != state {
		return false
	}
	m.note(id, state) // in use: it outlives the generation
	return true
}

func (m *memory) note(id, state [16]byte) {
	if m.young == nil || len(m.young) >= maxRemembered {
		m.young, m.old = make(map[[16]byte][16]byte), m.young
	}
	m.young[id] = state
}

// digest is the beginning of a hash that nobody finds another state for.
func digest(what byte, text []byte, numbers ...int64) [16]byte {
	const usual = 128
	buffer := append(make([]byte, 0, usual), what)
	for _, n := range numbers {
		buffer = binary.BigEndian.AppendUint64(buffer, uint64(n))
	}
	sum := sha256.Sum256(append(buffer, text...))
	return [16]byte(sum[:16])
}

func accountState(a *store.Account) (id, state [16]byte) {
	due := int64(0)
	if a.BonusDue {
		due = 1
	}
	return digest('c', []byte(a.CustomerID)), digest('a', nil, a.Balance, a.Purchases, a.Entries, a.LastRecordedUS, due)
}

func headState(h *store.Head) (id, state [16]byte) {
	return digest('t', []byte(h.TerminalID)), digest('h', h.Hash[:], h.Series, h.Records)
}

func refundState(r *store.RefundState) (id, state [16]byte) {
	return digest('s', r.SaleID[:]), digest('r', nil, r.TotalMinor, r.RefundedMinor, r.Clawed, r.Returned, int64(r.Refunds))
}

// remember notes what a group has committed.
func (m *memory) remember(c *store.Changes) {
	for i := range c.Accounts {
		m.note(accountState(&c.Accounts[i]))
	}
	for i := range c.Heads {
		m.note(headState(&c.Heads[i]))
	}
	for i := range c.Refunds {
		m.note(refundState(&c.Refunds[i]))
	}
}

// unseen is what of a group's locked state is not as it is remembered.
type unseen struct {
	accounts []*store.Account
	heads    []*store.Head
	refunds  []*store.RefundState
}

// unseen leaves out what is as it is remembered, and accounts that have neither an entry nor anything to say. All is in it when the group starts over:
// something was added behind what is remembered, whose number the group would have given out.
func (m *memory) unseen(s *state, again bool) (u unseen) {
	for _, a := range s.accounts {
		none := a.Entries == 0 && a.Balance == 0 && a.Purchases == 0 && a.LastRecordedUS == 0 && !a.BonusDue && !a.Begun
		if again || !none && !m.has(accountState(a)) {
			u.accounts = append(u.accounts, a)
		}
	}
	for _, h := range s.heads {
		if again || !m.has(headState(h)) {
			u.heads = append(u.heads, h)
		}
	}
	for _, r := range s.refunds {
		if again || !m.has(refundState(r)) {
			u.refunds = append(u.refunds, r)
		}
	}
	return u
}

func (u *unseen) chains() []string {
	chains := make([]string, len(u.heads))
	for i, h := range u.heads {
		chains[i] = sale.Chain(h.TerminalID, h.Series)
	}
	return chains
}

func (u *unseen) refunded() []uuid.UUID {
	ids := make([]uuid.UUID, len(u.refunds))
	for i, r := range u.refunds {
		ids[i] = r.SaleID
	}
	return ids
}
