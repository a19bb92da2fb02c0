package pricing_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// backlog is a shop with b.N sales recorded and no service yet.
func backlog(b *testing.B) *shop {
	s := &shop{t: b, url: testkit.NATS(b).URL()}
	bus, err := stream.Connect("bench", configOf(b, s.url, "INR=254321.17").Stream, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	b.Cleanup(bus.Close)
	require.NoError(b, bus.Ensure(b.Context()))
	s.bus = bus
	msgs := make([]*nats.Msg, 0, 1000)
	for n := 0; n < b.N; {
		for msgs = msgs[:0]; len(msgs) < cap(msgs) && n < b.N; n++ {
			msgs = append(msgs, recorded(sold(n, "INR", "1249.50")))
		}
		s.record(msgs...)
	}
	return s
}

// awaitPriced waits for n sales, checking rarely so as not to be what is measured.
func (s *shop) awaitPriced(n int) {
	priced, err := s.bus.JS.Stream(s.t.Context(), stream.SalesPriced)
	require.NoError(s.t, err)
	testkit.Eventually(s.t, 10*time.Minute, fmt.Sprintf("%d are priced", n), func() error {
		info, err := priced.Info(s.t.Context())
		require.NoError(s.t, err)
		if info.State.Msgs < uint64(n) {
			return fmt.Errorf("%d", info.State.Msgs)
		}
		return nil
	})
}

func perSecond(b *testing.B) {
	b.ReportMetric(1e9*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "sales/s") //nolint:forbidigo // no money here
}

// BenchmarkSales is a backlog of b.N sales priced by the service in this process, over a JetStream in it too: each is
// delivered, published again with its price, and acknowledged twice. -benchtime=200000x
func BenchmarkSales(b *testing.B) {
	s := backlog(b)
	cfg := configOf(b, s.url, "INR=254321.17")
	cfg.Telemetry.LogOutput = os.Stderr
	b.ReportAllocs()
	b.ResetTimer()
	s.startAs(cfg)
	s.awaitPriced(b.N)
	b.StopTimer()
	perSecond(b)
	s.stop()
}

// BenchmarkProgram is the same with the service in a process of its own, which separates its share of the processor from the
// server's, and its memory: after the first half of the sales and after the second. -benchtime=1000000x
func BenchmarkProgram(b *testing.B) {
	s := backlog(b)
	path := filepath.Join(b.TempDir(), "pricing")
	built, err := exec.CommandContext(b.Context(), "go", "build", "-o", path, "./cmd/pricing").CombinedOutput()
	require.NoError(b, err, "%s", built)
	program := exec.CommandContext(b.Context(), path)
	program.Env = append(os.Environ(), "NATS_URL="+s.url, "RATE_STATIC=INR=254321.17", "LOG_LEVEL=error")
	program.Stderr = os.Stderr
	var before, after syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	b.ResetTimer()
	require.NoError(b, program.Start())
	s.awaitPriced(b.N / 2)
	half := peakMB(b, program.Process.Pid)
	s.awaitPriced(b.N)
	b.StopTimer()
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	whole := peakMB(b, program.Process.Pid)
	require.NoError(b, program.Process.Signal(os.Interrupt))
	require.NoError(b, program.Wait())
	perSecond(b)
	report := func(total time.Duration, unit string) {
		b.ReportMetric(float64(total.Nanoseconds())/1000/float64(b.N), unit) //nolint:forbidigo // no money here
	}
	report(program.ProcessState.UserTime()+program.ProcessState.SystemTime(), "service-µs/sale")
	report(used(after)-used(before), "server-µs/sale")
	b.ReportMetric(half, "peak-MB-at-half")
	b.ReportMetric(whole, "peak-MB")
}

func used(r syscall.Rusage) time.Duration { return time.Duration(r.Utime.Nano() + r.Stime.Nano()) }

// peakMB is the most memory that a process had at once.
func peakMB(b *testing.B, pid int) float64 { //nolint:forbidigo // no money here
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	require.NoError(b, err)
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindStringSubmatch(string(status))
	require.NotNil(b, found)
	kB, err := strconv.Atoi(found[1])
	require.NoError(b, err)
	return float64(kB) / 1024 //nolint:forbidigo // as above
}
