package commit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/testkit"
)

// TestNobodyIsRefusedForARecordThatCameToNothing has somebody else take a customer's points while a group starts over, so that
// the record is refused whose number another one was refused for.
func TestNobodyIsRefusedForARecordThatCameToNothing(t *testing.T) {
	b := setup(t)
	rich := `{"currency":"INR","total":"100","customer_id":"C-1"}` // 60 points
	require.Nil(t, b.grouper.Commit(t.Context(), []*commit.Item{item(t, uuid.New(), rich)})[0].Refused)
	g := b.grouper
	other := &commit.Grouper{Store: g.Store, Rules: g.Rules, Log: g.Log, Now: time.Now, Mint: g.Mint, Sign: g.Sign, Wire: g.Wire}
	conn, err := pgx.Connect(t.Context(), b.db.Admin)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	taken, locked, calls := make(chan *refusal.Error, 1), make(chan error, 1), 0
	g.Now = func() time.Time { // called under the group's locks
		if calls++; calls == 1 {
			redeems := item(t, uuid.New(), `{"currency":"INR","total":"10","customer_id":"C-1","redeem_points":40}`)
			go func() { taken <- other.Commit(context.Background(), []*commit.Item{redeems})[0].Refused }()
			b.awaitWaiters(t, 1)
			go func() {
				_, err := conn.Exec(context.Background(), "BEGIN; LOCK TABLE sales.loyalty_account; COMMIT")
				locked <- err
			}()
			b.awaitWaiters(t, 2) // a table's lock is given in the order of asking: the group comes after both once it lets go
		}
		return time.Now()
	}
	key := uuid.New()
	out := b.grouper.Commit(t.Context(), []*commit.Item{
		item(t, uuid.New(), `{"currency":"INR","total":"100","customer_id":"C-1","redeem_points":40,"terminal_seq":5}`),
		item(t, key, `{"currency":"INR","total":"1","customer_id":"C-2","terminal_seq":5}`),
		item(t, uuid.New(), `{"kind":"refund","currency":"INR","total":"1","refund_of_key":"`+key.String()+`"}`),
	})
	require.Nil(t, <-taken)
	require.NoError(t, <-locked)
	require.Equal(t, "INSUFFICIENT_POINTS", string(out[0].Refused.Code))
	require.Nil(t, out[1].Refused, "the number is free")
	require.Nil(t, out[2].Refused, "its sale is recorded")
}

// TestNothingOvertakesARecordThatHangs has a record that is refused because of the group's first, with others behind it that use its key.
func TestNothingOvertakesARecordThatHangs(t *testing.T) {
	commitHanging(t, setup(t))
}

// TestAGroupThatStartsOverForgetsNoRecord loses the connection once the records that hang are taken out.
func TestAGroupThatStartsOverForgetsNoRecord(t *testing.T) {
	b := setup(t)
	conn, err := pgx.Connect(t.Context(), b.db.Admin)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	calls := 0
	b.grouper.Now = func() time.Time {
		if calls++; calls == 2 {
			var lost int
			assert.NoError(t, conn.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
				WHERE datname = current_database() AND state = 'idle in transaction'`).Scan(&lost))
			assert.Equal(t, 1, lost)
		}
		return time.Now()
	}
	commitHanging(t, b)
	require.Greater(t, calls, 3, "the group starts over")
}

func commitHanging(t *testing.T, b *bench) {
	t.Helper()
	key := uuid.New()
	out := b.grouper.Commit(t.Context(), []*commit.Item{
		item(t, uuid.New(), `{"currency":"INR","total":"10","terminal_seq":0}`),
		item(t, key, `{"currency":"INR","total":"10","customer_id":"C-1","terminal_seq":0}`), // its account would be new
		item(t, key, `{"currency":"INR","total":"10"}`),
		item(t, uuid.New(), `{"kind":"refund","currency":"INR","total":"10","refund_of_key":"`+key.String()+`"}`),
		item(t, key, `{"currency":"INR","total":"11"}`),
	})
	require.Nil(t, out[0].Refused)
	require.Equal(t, "TERMINAL_SEQ_REUSED", string(out[1].Refused.Code))
	require.Nil(t, out[2].Refused)
	require.Nil(t, out[3].Refused)
	require.Equal(t, "IDEMPOTENCY_KEY_REUSED", string(out[4].Refused.Code))
	b.checkBooks(t)
}

// awaitWaiters returns once so many wait for a lock.
func (b *bench) awaitWaiters(t *testing.T, n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), b.db.Admin)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	testkit.Eventually(t, time.Minute, "somebody waits for a lock", func() error {
		var waiting int
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err == nil && waiting < n {
			err = errors.New("too few")
		}
		return err
	})
}
