package composetest

import (
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/copies"
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// The server that compose runs lets in those whose seeds cmd/identities made, nobody else, and has room for their streams and the
// copies of these.
func TestNATSTakesTheServicesAndTheirStreams(t *testing.T) {
	env, dir := example(t), t.TempDir()
	require.NoError(t, identity.Run(t.Context(), identity.Config{Dir: dir}))
	public, err := dotenv.Read(filepath.Join(dir, "public/nkeys.env"))
	require.NoError(t, err)
	require.NoError(t, identity.Run(t.Context(), identity.Config{Dir: dir}))
	again, err := dotenv.Read(filepath.Join(dir, "public/nkeys.env"))
	require.NoError(t, err)
	require.Equal(t, public, again, "made once")
	for name, key := range public {
		t.Setenv(name, key)
	}
	options, err := server.ProcessConfigFile(filepath.Join(root, "infra/nats/nats.conf"))
	require.NoError(t, err)
	require.Equal(t, 4222, options.Port)
	require.Equal(t, "/data", options.StoreDir)
	options.Host, options.Port, options.HTTPPort, options.StoreDir, options.NoSigs, options.NoLog = "127.0.0.1", server.RANDOM_PORT, 0, t.TempDir(), true, true
	nats, err := server.NewServer(options)
	require.NoError(t, err)
	nats.Start()
	defer func() { nats.Shutdown(); nats.WaitForShutdown() }()
	require.True(t, nats.ReadyForConnections(time.Minute))

	peak, err := strconv.Atoi(env["PEAK_SALES_PER_SECOND"])
	require.NoError(t, err)
	login := func(name string) stream.Config {
		return stream.Config{
			URL: config.Secret("nats://" + nats.Addr().String()), NKeyFile: filepath.Join(dir, name, "seed"), PeakSalesPerSecond: peak,
		}
	}
	for _, service := range []string{identity.Ledger, identity.Gateway, identity.Pricing, identity.Anchor} { // the others wait for the ledger
		bus, err := stream.Connect(service, login(service), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.NoError(t, bus.Ensure(t.Context()))
		bus.Close()
	}
	require.NoError(t, copies.Make(t.Context(), copies.Config{Stream: login(identity.Copier)}, slog.New(slog.DiscardHandler)))
	require.Equal(t, 8, streams(t, identity.Operator, login(identity.Operator)))
	require.Equal(t, 4, streams(t, identity.Downstream, login(identity.Downstream)))
}

// streams counts those that an identity sees.
func streams(t *testing.T, name string, cfg stream.Config) (count int) {
	t.Helper()
	bus, err := stream.Connect(name, cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer bus.Close()
	names := bus.JS.StreamNames(t.Context())
	for range names.Name() {
		count++
	}
	require.NoError(t, names.Err())
	return count
}
