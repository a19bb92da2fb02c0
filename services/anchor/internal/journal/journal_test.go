package journal_test

import (
	"fmt"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/services/anchor/internal/claim"
	"github.com/tillseal/tillseal/services/anchor/internal/fee"
	"github.com/tillseal/tillseal/services/anchor/internal/journal"
	"github.com/tillseal/tillseal/services/anchor/internal/step"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// book is a journal with a deployment, and its owner's way into the database.
type book struct {
	t *testing.T
	*journal.Journal
	scope journal.Scope
	admin string
}

func setup(t *testing.T) *book {
	t.Helper()
	db := testkit.Database(t)
	j, err := journal.Open(t.Context(), config.Secret(db.Anchor))
	require.NoError(t, err)
	t.Cleanup(j.Close)
	lease, err := j.Acquire(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { lease.Release(t.Context()) })
	b := &book{t: t, Journal: j, admin: db.Admin, scope: journal.Scope{Epoch: lease.Epoch}}
	b.scope.Deployment, err = j.AddContract(t.Context(), lease.Epoch, big.NewInt(1337), journal.Contract{}, nil, 0)
	require.NoError(t, err)
	return b
}

func TestAPoolsSettingInTheURLIsNoneOfTheLeasesSession(t *testing.T) {
	url, err := url.Parse(testkit.Database(t).Anchor)
	require.NoError(t, err)
	query := url.Query()
	query.Set("pool_max_conns", "6")
	url.RawQuery = query.Encode()
	j, err := journal.Open(t.Context(), config.Secret(url.String()))
	require.NoError(t, err)
	defer j.Close()
	lease, err := j.Acquire(t.Context())
	require.NoError(t, err)
	defer lease.Release(t.Context())
	require.NoError(t, lease.Check(t.Context()))
	_, err = j.Acquire(t.Context())
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
}

// leaf is one of a sale of n + 1 rupees that nobody has committed yet.
func leaf(n int64) journal.Leaf {
	id := uuid.Must(uuid.NewV7())
	return journal.Leaf{
		SaleID: id, StoreID: "s1", SaleHash: sale.Keccak(id[:]), AmountWei: new(big.Int).Mul(big.NewInt(n+1), big.NewInt(1e18)),
		Rate: &event.Rate{ID: "r1", Value: "1", Currency: "INR", Tier: "static"},
	}
}

// commit writes the sales of leaves, at one rupee to the ETH.
func (b *book) commit(leaves ...journal.Leaf) {
	b.t.Helper()
	var sales []testkit.Committed
	for _, l := range leaves {
		total := new(big.Int).Div(l.AmountWei, big.NewInt(1e18)).String() + ".00"
		sales = append(sales, testkit.Committed{
			Sale: sale.Sale{SaleID: l.SaleID.String(), StoreID: l.StoreID, TerminalID: "t1", Currency: "INR", Total: total}, SaleHash: l.SaleHash,
		})
	}
	testkit.Commit(b.t, b.admin, sales...)
}

// sealed journals n leaves and seals them as a batch.
func (b *book) sealed(id uint64, n int) {
	b.t.Helper()
	var leaves []journal.Leaf
	for i := range n {
		leaves = append(leaves, leaf(int64(i)))
	}
	b.commit(leaves...)
	b.add(leaves...)
	_, err := b.Seal(b.t.Context(), b.scope, id, n)
	require.NoError(b.t, err)
}

func (b *book) add(leaves ...journal.Leaf) []claim.Refusal {
	b.t.Helper()
	refused, err := b.AddLeaves(b.t.Context(), leaves)
	require.NoError(b.t, err)
	return refused
}

func (b *book) exec(sql string, args ...any) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.admin)
	require.NoError(b.t, err)
	defer conn.Close(b.t.Context())
	_, err = conn.Exec(b.t.Context(), sql, args...)
	require.NoError(b.t, err)
}

func (b *book) floor() int64 {
	b.t.Helper()
	low, err := b.StartFloor(b.t.Context(), b.scope, 5*time.Minute)
	require.NoError(b.t, err)
	return low
}

func TestASearchForWaitingLeavesStartsBelowWhatMayStillAppear(t *testing.T) {
	b := setup(t)
	require.Zero(t, b.floor())
	b.sealed(1, 3)
	b.sealed(2, 3)
	require.Zero(t, b.floor(), "a leaf with a lower seq may still become visible")
	b.exec("UPDATE anchor.batch SET at = at - interval '6 minutes' WHERE batch_id = 1")
	require.Equal(t, int64(3), b.floor())

	// A leaf that got its seq with the first batch's and became visible after the second was sealed.
	late := leaf(9)
	b.commit(late)
	b.add(late)
	b.exec("ALTER TABLE anchor.leaf ALTER seq DROP IDENTITY")
	b.exec("UPDATE anchor.leaf SET seq = CASE sale_id WHEN $1 THEN 50 ELSE 100 + seq END", late.SaleID)
	_, err := b.Seal(t.Context(), b.scope, 3, 1)
	require.NoError(t, err)
	b.exec("UPDATE anchor.batch SET at = at - interval '6 minutes' WHERE batch_id = 2")
	require.Equal(t, int64(50), b.floor(), "the newest batch had room for this one leaf only: others like it may wait")
}

func TestANewDeploymentStartsItsSearchWhereTheOldOneIsNotFinal(t *testing.T) {
	b := setup(t)
	old := b.scope
	finish := func(batch uint64) {
		require.NoError(t, b.Record(t.Context(), old, journal.Move{BatchID: batch, From: []event.BatchState{event.BatchSealed}, To: event.BatchFinal}))
	}
	waits := func() int {
		state, _, err := b.State(t.Context(), b.scope, 100)
		require.NoError(t, err)
		return state.Waiting.Count
	}
	b.sealed(1, 3)
	b.sealed(2, 4)
	b.sealed(3, 2)
	finish(1)
	b.exec("UPDATE anchor.batch SET at = at - interval '6 minutes' WHERE batch_id < 3")
	var err error
	b.scope.Deployment, err = b.AddContract(t.Context(), old.Epoch, big.NewInt(1337), journal.Contract{}, nil, 0)
	require.NoError(t, err)
	require.Equal(t, int64(3), b.floor(), "what the old one sealed and did not see final is taken again")
	require.Equal(t, 6, waits())
	b.scope.LowSeq = b.floor()
	require.Equal(t, 6, waits())
	b.scope.Replay = true
	require.Zero(t, b.floor())
	b.scope.LowSeq = 0
	require.Equal(t, 9, waits())

	b.scope.Replay = false
	finish(2)
	finish(3)
	require.Equal(t, int64(7), b.floor())
	require.Zero(t, waits())

	for range 2 { // after one that was never used
		b.scope.Deployment, err = b.AddContract(t.Context(), old.Epoch, big.NewInt(1337), journal.Contract{}, nil, 0)
		require.NoError(t, err)
		require.Equal(t, int64(7), b.floor())
	}
	b.sealed(1, 2)
	b.sealed(2, 2)
	b.exec("UPDATE anchor.batch SET at = at - interval '6 minutes' WHERE batch_id = 1 AND deployment = $1", b.scope.Deployment)
	b.scope.Deployment, err = b.AddContract(t.Context(), old.Epoch, big.NewInt(1337), journal.Contract{}, nil, 0)
	require.NoError(t, err)
	require.Equal(t, int64(7), b.floor(), "after one that saw no batch final")
	require.Equal(t, 4, waits())
	b.scope.LowSeq = b.floor()
	require.Equal(t, 4, waits())
}

func TestASearchForWhatIsToBeAnnouncedStartsAfterTheLastThatWas(t *testing.T) {
	b := setup(t)
	low := func() int64 {
		low, err := b.AnnouncedFloor(t.Context(), b.scope.Deployment, event.BatchMined)
		require.NoError(t, err)
		return low
	}
	move := func(batch uint64, from, to event.BatchState) {
		m := journal.Move{BatchID: batch, From: []event.BatchState{from}, To: to, TxHash: &common.Hash{1}, Block: &step.Block{Number: 1}}
		require.NoError(t, b.Record(t.Context(), b.scope, m))
	}
	all := func() []journal.Announcement {
		announcements, err := b.Unannounced(t.Context(), b.scope.Deployment, event.BatchMined, 0)
		require.NoError(t, err)
		return announcements
	}
	mark := func(a journal.Announcement, what string) {
		require.NoError(t, b.MarkAnnounced(t.Context(), b.scope.Epoch, a.Event.Sequence, what))
	}
	b.sealed(1, 1)
	move(1, event.BatchSealed, event.BatchMined)
	b.sealed(2, 1)
	move(2, event.BatchSealed, event.BatchMined)
	held := all()[3] // its sales wait for the safe block
	move(1, event.BatchMined, event.BatchFinal)
	require.Zero(t, low())
	for _, a := range all() {
		mark(a, journal.AnnouncedBatch)
		if a.Event.BatchID == 1 && a.Event.State == event.BatchMined {
			mark(a, journal.AnnouncedSales)
		}
	}
	require.Equal(t, all()[0].Event.Sequence, held.Event.Sequence)
	require.Less(t, low(), held.Event.Sequence, "what is held back is found")
	require.Positive(t, low())
	mark(held, journal.AnnouncedSales)
	move(2, event.BatchMined, event.BatchFinal)
	require.Len(t, all(), 1)
	mark(all()[0], journal.AnnouncedBatch)
	require.Equal(t, int64(6), low())
}

func TestSalesThatAreHeldBackAreFoundThoughTheirBatchIsFinal(t *testing.T) {
	b := setup(t)
	b.sealed(1, 1)
	for _, step := range [][2]event.BatchState{{event.BatchSealed, event.BatchMined}, {event.BatchMined, event.BatchFinal}} {
		require.NoError(t, b.Record(t.Context(), b.scope, journal.Move{
			BatchID: 1, From: step[:1], To: step[1], TxHash: &common.Hash{1}, Block: &blockOne,
		}))
	}
	events, err := b.Unannounced(t.Context(), b.scope.Deployment, event.BatchMined, 0)
	require.NoError(t, err)
	for _, s := range events { // all but the sales, which wait for a safe block that the announcer has not heard of yet
		require.NoError(t, b.MarkAnnounced(t.Context(), b.scope.Epoch, s.Event.Sequence, journal.AnnouncedBatch))
	}
	low, err := b.AnnouncedFloor(t.Context(), b.scope.Deployment, event.BatchMined)
	require.NoError(t, err)
	left, err := b.Unannounced(t.Context(), b.scope.Deployment, event.BatchMined, low)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, event.BatchMined, left[0].Event.State)
}

func TestSalesThatWereSaidAsFinalAreNotToBeSaidAsMined(t *testing.T) {
	b := setup(t)
	b.sealed(1, 1)
	for _, step := range [][2]event.BatchState{{event.BatchSealed, event.BatchMined}, {event.BatchMined, event.BatchFinal}} {
		require.NoError(t, b.Record(t.Context(), b.scope, journal.Move{
			BatchID: 1, From: step[:1], To: step[1], TxHash: &common.Hash{1}, Block: &blockOne,
		}))
	}
	left := func(state event.BatchState) (floor int64, n int) {
		announcements, err := b.Unannounced(t.Context(), b.scope.Deployment, state, 0)
		require.NoError(t, err)
		floor, err = b.AnnouncedFloor(t.Context(), b.scope.Deployment, state)
		require.NoError(t, err)
		return floor, len(announcements)
	}
	events, err := b.Unannounced(t.Context(), b.scope.Deployment, event.BatchFinal, 0)
	require.NoError(t, err)
	require.Len(t, events, 3)
	for _, s := range events {
		require.NoError(t, b.MarkAnnounced(t.Context(), b.scope.Epoch, s.Event.Sequence, journal.AnnouncedBatch))
	}
	mined, final := events[1].Event.Sequence, events[2].Event.Sequence
	require.NoError(t, b.MarkAnnounced(t.Context(), b.scope.Epoch, mined, journal.AnnouncedSales))
	floor, n := left(event.BatchFinal)
	require.Zero(t, floor)
	require.Equal(t, 1, n, "announced as mined is not announced as final")

	b.exec("DELETE FROM anchor.announced WHERE event_id = $1 AND what = 'sales'", mined)
	require.NoError(t, b.MarkAnnounced(t.Context(), b.scope.Epoch, final, journal.AnnouncedSales))
	for _, state := range []event.BatchState{event.BatchFinal, event.BatchMined} {
		floor, n := left(state)
		require.Equal(t, final, floor, state)
		require.Zero(t, n, state)
	}
}

var blockOne = step.Block{Number: 1, Hash: common.Hash{1}}

func TestAnchorsThatTakeTheSameRatesInAtOnceDoNotDeadlock(t *testing.T) {
	b := setup(t)
	const rounds, rates = 20, 200
	for round := range rounds {
		one := make([]journal.Leaf, rates)
		for i := range one {
			one[i] = leaf(int64(i))
			one[i].Rate.ID = fmt.Sprintf("%d-%d", round, i)
		}
		other := make([]journal.Leaf, rates)
		for i := range other { // other sales, in the opposite order of their rates
			other[i] = leaf(int64(i))
			other[i].Rate.ID = fmt.Sprintf("%d-%d", round, rates-i)
		}
		b.commit(append(one, other...)...)
		var group errgroup.Group
		for _, leaves := range [][]journal.Leaf{one, other} {
			group.Go(func() error {
				_, err := b.AddLeaves(t.Context(), leaves)
				return err
			})
		}
		require.NoError(t, group.Wait())
	}
}

func TestABatchIsAsOldAsItsOldestLeaf(t *testing.T) {
	b := setup(t)
	b.sealed(1, 3)
	b.exec("UPDATE anchor.leaf SET at = '2026-01-01T00:00:00Z' WHERE seq = 2")
	at, err := b.OldestLeaf(t.Context(), b.scope.Deployment, 1)
	require.NoError(t, err)
	require.Equal(t, "2026-01-01T00:00:00Z", at.UTC().Format(time.RFC3339))
}

func TestAnAttemptRemembersWhoSignedIt(t *testing.T) {
	b := setup(t)
	b.sealed(1, 1)
	_, err := b.KeepAttempt(t.Context(), b.scope, journal.Signed{
		BatchID: 1, Sender: common.Address{9}, Hash: common.Hash{1}, Nonce: 7, Raw: []byte{1}, Fee: fee.Fee{CapWei: big.NewInt(2), TipWei: big.NewInt(1)},
	})
	require.NoError(t, err)
	attempts, err := b.Attempts(t.Context(), b.scope.Deployment, 1)
	require.NoError(t, err)
	require.Equal(t, common.Address{9}, attempts[0].Sender)
}
