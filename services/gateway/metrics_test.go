package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/telemetry"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAGatewayThatWaitsForPostgresShowsEveryMetric(t *testing.T) {
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer hanging.Close()
	addr := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- gateway.Run(ctx, promising(t, gateway.Config{
			Telemetry: telemetry.Config{MetricsAddr: addr, LogOutput: t.Output()}, Stream: stream.Config{URL: "nats://127.0.0.1:1", PeakSalesPerSecond: 1},
			DBURL: config.Secret("postgres://gateway@" + hanging.Addr().String() + "/x"), RedisURL: "redis://127.0.0.1:1", Addr: "127.0.0.1:0", TerminalRate: 1,
		}))
	}()
	asked, err := hanging.Accept()
	require.NoError(t, err)
	defer asked.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
	require.NoError(t, err)
	first, err := exchange(req)
	require.NoError(t, err)
	cancel()
	<-done // with or without an error: it had nothing to end well

	manual, err := os.ReadFile("../../infra/docs/OPERATIONS.md")
	require.NoError(t, err)
	documented := regexp.MustCompile(`tillseal_gateway_\w+`).FindAll(manual, -1)
	require.NotEmpty(t, documented)
	for _, name := range documented {
		require.True(t, bytes.Contains(first.Body, append([]byte("# HELP "), name...)), "%s", name)
	}
}
