package compose_test

import (
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// The server that compose runs lets the services in, nobody else, and has room for their streams.
func TestNATSTakesTheServicesAndTheirStreams(t *testing.T) {
	env := example(t)
	t.Setenv("NATS_PASSWORD", env["NATS_PASSWORD"])
	options, err := server.ProcessConfigFile(filepath.Join(root, "infra/nats/nats.conf"))
	require.NoError(t, err)
	require.Equal(t, 4222, options.Port)
	require.Equal(t, "/data", options.StoreDir)
	options.Host, options.Port, options.HTTPPort, options.StoreDir, options.NoSigs, options.NoLog = "127.0.0.1", server.RANDOM_PORT, 0, t.TempDir(), true, true
	nats, err := server.NewServer(options)
	require.NoError(t, err)
	nats.Start()
	defer func() { nats.Shutdown(); nats.WaitForShutdown() }()
	require.True(t, nats.ReadyForConnections(10*time.Second))

	peak, err := strconv.Atoi(env["PEAK_SALES_PER_SECOND"])
	require.NoError(t, err)
	bus, err := stream.Connect("test", stream.Config{
		URL: config.Secret("nats://tillseal:" + env["NATS_PASSWORD"] + "@" + nats.Addr().String()), PeakSalesPerSecond: peak,
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer bus.Close()
	require.NoError(t, bus.Ensure(t.Context()))
	names := bus.JS.StreamNames(t.Context())
	count := 0
	for range names.Name() {
		count++
	}
	require.NoError(t, names.Err())
	require.Equal(t, 5, count)
}
