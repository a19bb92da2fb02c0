package migrate

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestAnEmptyDatabaseGetsTheSchemaAndRolesThatLogIn(t *testing.T) {
	p := testkit.OwnPostgres(t)
	cfg := Config{
		Admin: config.Secret(p.AdminURL("postgres")), Gateway: "till's \"own\"", Anchor: "b", Ledger: "c", Auditor: "d",
	}
	require.NoError(t, Run(t.Context(), cfg))
	require.NoError(t, Run(t.Context(), cfg), "once more changes nothing")
	for role, password := range map[string]string{"gateway": "till's \"own\"", "anchor": "b", "ledger": "c", "auditor": "d"} {
		conn, err := pgx.Connect(t.Context(), p.URL(role, password, "postgres"))
		require.NoError(t, err, role)
		require.NoError(t, conn.Close(t.Context()))
	}
	cfg.Anchor = ""
	require.NoError(t, Run(t.Context(), cfg))
	require.NoError(t, connect(t.Context(), config.Secret(p.URL("anchor", "b", "postgres"))), "an empty variable leaves the password")
}

// A volume of before keeps what everybody may: an upgrade must not pass over it in silence.
func TestADatabaseWhoseLocksAreOpenIsTold(t *testing.T) {
	open, err := locksAreOpen(t.Context(), config.Secret(testkit.Database(t).Admin))
	require.NoError(t, err)
	require.False(t, open, "made with roles.sql")
	p := testkit.OwnPostgres(t)
	admin := config.Secret(p.AdminURL("postgres"))
	require.NoError(t, Run(t.Context(), Config{Admin: admin}))
	for _, want := range []struct {
		before string
		open   bool
	}{
		{"GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC", true},
		{"REVOKE EXECUTE ON FUNCTION pg_advisory_lock(bigint) FROM PUBLIC", false},
	} {
		conn, err := pgx.Connect(t.Context(), admin.Reveal())
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), want.before)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
		open, err = locksAreOpen(t.Context(), admin)
		require.NoError(t, err)
		require.Equal(t, want.open, open)
	}
}

func TestAStartingPostgresIsWaitedForUpToTheLimit(t *testing.T) {
	p := testkit.OwnPostgres(t)
	admin := config.Secret(p.AdminURL("postgres"))
	quiet := slog.New(slog.DiscardHandler)
	p.Kill()
	err := await(t.Context(), admin, 100*time.Millisecond, quiet)
	require.True(t, fault.Is(err, fault.Transient), "%v", err)
	require.NotContains(t, err.Error(), "127.0.0.1")

	done := make(chan error, 1)
	go func() { done <- await(t.Context(), admin, time.Minute, quiet) }()
	require.NoError(t, p.Restart(t.Context()))
	require.NoError(t, <-done)

	p.Kill()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, await(ctx, admin, time.Minute, quiet), context.Canceled)
}

func TestWhatPostgresRefusesIsSaidAtOnce(t *testing.T) {
	p := testkit.Postgres(t)
	for name, url := range map[string]string{
		"a wrong password":   p.URL("gateway", "sesame", "postgres"),
		"no such database":   p.AdminURL("nothing-here"),
		"not a Postgres URL": "http://sesame",
		"nothing":            "",
	} {
		err := Run(t.Context(), Config{Admin: config.Secret(url)})
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
		require.ErrorContains(t, err, "DB_ADMIN_URL")
		require.NotContains(t, err.Error(), "sesame")
	}
}
