package commit_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/config"
)

func TestAGroupThatIsCommittedItemByItemEndsWithItsTime(t *testing.T) {
	b := setup(t)
	items := make([]*commit.Item, 100)
	for i := range items {
		items[i] = item(t, uuid.New(), `{"currency":"INR","total":"1"}`)
	}
	items[0].Record.OccurredAt = "a\x00b" // what no decoder lets through: the others are committed one by one
	asked := 0
	b.grouper.Now = func() time.Time { // a slow day: 100 of these are ten seconds
		asked++
		<-time.After(100 * time.Millisecond)
		return time.Now()
	}
	out := b.grouper.Commit(t.Context(), items)
	require.Less(t, asked, len(items))
	require.Equal(t, "INVALID_RECORD", string(out[0].Refused.Code))
	last := out[len(out)-1].Refused
	require.NotNil(t, last)
	require.Equal(t, "STORE_UNAVAILABLE", string(last.Code))
	require.NotZero(t, last.RetryAfter)
	committed := 0
	for i := range out {
		require.True(t, out[i].Refused != nil || out[i].Kept != nil, "%d has no answer", i)
		if out[i].Kept != nil {
			committed++
		}
	}
	require.NotZero(t, committed)
	b.checkBooks(t)
}

// TestARecordWhosePointsPostgresRefusesIsRefusedAlone is of a group so large that its accounts move apart from its records.
func TestARecordWhosePointsPostgresRefusesIsRefusedAlone(t *testing.T) {
	b := setup(t)
	admin, err := pgx.Connect(t.Context(), b.db.Admin)
	require.NoError(t, err)
	defer admin.Close(context.Background())
	_, err = admin.Exec(t.Context(), "ALTER TABLE sales.loyalty_entry ADD CHECK (customer_id <> 'C-7')")
	require.NoError(t, err)
	items := make([]*commit.Item, 20)
	for i := range items {
		items[i] = item(t, uuid.New(), fmt.Sprintf(`{"currency":"INR","total":"100","customer_id":"C-%d"}`, i))
	}
	for i, out := range b.grouper.Commit(t.Context(), items) {
		if i == 7 {
			require.Equal(t, "INVALID_RECORD", string(out.Refused.Code))
			continue
		}
		require.Nil(t, out.Refused, i)
		require.NotNil(t, out.Sale, i)
	}
	b.checkBooks(t)
}

func TestAPostgresThatRefusesConnectionsIsNotAskedForEachGroup(t *testing.T) {
	b := setup(t)
	nobody, err := store.Open(t.Context(), config.Secret("postgres://gateway@127.0.0.1:1/x"))
	require.NoError(t, err)
	defer nobody.Close()
	var log bytes.Buffer
	changes := make(chan bool, 10)
	nobody.Changed = func(away bool) { changes <- away }
	b.grouper.Store, b.grouper.Log = nobody, slog.New(slog.NewTextHandler(&log, nil))
	const groups = 1000
	start := time.Now()
	for i := range groups {
		out := b.grouper.Commit(t.Context(), []*commit.Item{item(t, uuid.New(), `{"currency":"INR","total":"1"}`)})
		require.Equal(t, "STORE_UNAVAILABLE", string(out[0].Refused.Code), i)
	}
	seconds := int(time.Since(start)/time.Second) + 1
	require.True(t, <-changes)
	require.Empty(t, changes, "it is reported once")
	lines := strings.Count(log.String(), "\n")
	require.NotZero(t, lines)
	require.LessOrEqual(t, lines, 2*seconds, fmt.Sprintf("of %d groups in %d s", groups, seconds)) // two messages
}
