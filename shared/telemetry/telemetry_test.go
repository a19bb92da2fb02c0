package telemetry_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/local/port"
	"github.com/tillseal/tillseal/shared/telemetry"
)

func TestMetricsAndLogsBelongToTheirService(t *testing.T) {
	addr := freeAddr(t)
	var log bytes.Buffer
	tel, err := telemetry.Start(t.Context(), "gateway", telemetry.Config{LogLevel: "warn", MetricsAddr: addr, LogOutput: &log})
	require.NoError(t, err)
	defer tel.Close()
	sold := prometheus.NewCounter(prometheus.CounterOpts{Name: "tillseal_sold_total", Help: "sold"})
	tel.Metrics.MustRegister(sold)
	sold.Inc()
	require.Contains(t, get(t, "http://"+addr+"/metrics"), "tillseal_sold_total 1")
	require.Equal(t, "ok\n", get(t, "http://"+addr+"/healthz"))

	tel.Log.Info("hidden")
	tel.Log.Warn("seen")
	require.NotContains(t, log.String(), "hidden")
	require.Contains(t, log.String(), `"msg":"seen","service":"gateway"`)
}

func TestAWrongSettingIsNamed(t *testing.T) {
	addr := freeAddr(t)
	taken, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	defer taken.Close()
	for _, c := range []struct {
		cfg  telemetry.Config
		says string
	}{
		{telemetry.Config{LogLevel: "loud"}, "LOG_LEVEL"},
		{telemetry.Config{MetricsAddr: "nowhere"}, "METRICS_ADDR"},
		{telemetry.Config{MetricsAddr: addr}, "cannot listen on METRICS_ADDR"},
	} {
		_, err := telemetry.Start(t.Context(), "gateway", c.cfg)
		require.ErrorContains(t, err, c.says)
		require.True(t, fault.Is(err, fault.Invalid))
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	reserved, err := port.Reserve()
	require.NoError(t, err)
	t.Cleanup(reserved.Release)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(reserved.Number()))
}
