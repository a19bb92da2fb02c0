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
