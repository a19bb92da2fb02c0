package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/testkit"
)

func TestRedisSaysNothingOfSalesThatARestoreHasLost(t *testing.T) {
	s := setup(t)
	key := uuid.NewString()
	first := s.till.do(http.MethodPost, "/record", tea, "Idempotency-Key", key)
	require.Equal(t, 201, first.Status)
	require.NoError(t, s.gates[0].stop())

	s.db = testkit.Database(t) // what was restored has not got the sale; Redis still has its answer
	s.gates = nil
	s.addGateway()
	s.till = s.newTill("s1", "t1")
	again := s.till.do(http.MethodPost, "/record", tea, "Idempotency-Key", key)
	require.Equal(t, 201, again.Status)
	require.NotEqual(t, string(first.Body), string(again.Body), "the sale is recorded again")
	require.Empty(t, again.Header.Get("Idempotency-Replayed"))
}

func TestAPromotedStandbyIsAnotherDatabaseAtOnce(t *testing.T) {
	postgres := testkit.OwnPostgres(t)
	s := open(t, testkit.Migrated(t, postgres))
	s.till.sell(newKey(), tea)
	before := s.remembered(1)
	ask := func(sql string) (answer string) {
		conn, err := pgx.Connect(t.Context(), postgres.AdminURL("postgres"))
		require.NoError(t, err)
		defer conn.Close(t.Context())
		require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&answer))
		return answer
	}
	conn, err := pgx.Connect(t.Context(), postgres.AdminURL("postgres"))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), fmt.Sprintf("COPY (SELECT '') TO '%s/standby.signal'", ask("SHOW data_directory")))
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, postgres.Restart(t.Context()))
	require.Equal(t, "true", ask("SELECT pg_is_in_recovery()::text"))
	require.Equal(t, "true", ask("SELECT pg_promote()::text"))
	eventually(t, "sales are recorded again", func() error {
		if r := s.till.post(newKey(), tea); r.Status != http.StatusCreated {
			return fmt.Errorf("%d %s", r.Status, r.Body)
		}
		return nil
	})
	require.NotEqual(t, before, s.remembered(2), "the new primary's answers are under another name")
}

// remembered waits until Redis has the answers of so many databases, and returns their names.
func (s *shop) remembered(databases int) string {
	s.t.Helper()
	names := make(map[string]bool)
	eventually(s.t, "Redis knows the answer", func() error {
		for _, key := range s.redisKeys() {
			name, _, _ := strings.Cut(strings.TrimPrefix(key, "tillseal:record2:"), ":")
			names[name] = true
		}
		if len(names) < databases {
			return fmt.Errorf("%v", names)
		}
		return nil
	})
	return fmt.Sprint(names)
}

func TestAStrangeValueInRedisStopsNobody(t *testing.T) {
	s := setup(t)
	key := newKey()
	s.remember("t1", key, "garbage", 0)
	s.till.sell(key, tea)
}
