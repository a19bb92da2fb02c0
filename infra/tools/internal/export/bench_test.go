package export_test

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkAPeriod exports 100,000 records of a till, and bounds the memory that was in use while it did.
func BenchmarkAPeriod(b *testing.B) {
	const n, maxHeap = 100_000, 32 << 20 // bytes; the records themselves come to 100 MB
	db := database(b)
	leave(b, db.Admin, "t1", n, nil)
	execute(b, db.Admin, "VACUUM ANALYZE")
	for name, args := range map[string][]string{
		"csv records": {"-what", "records"}, "csv taxes": {"-what", "taxes"}, "jsonl": {"-format", "jsonl"},
	} {
		b.Run(name, func(b *testing.B) {
			args := append(args, "-store", "s1", "-from", seconds(0), "-to", seconds(n))
			var most uint64
			for b.Loop() {
				runtime.GC()
				code := exportTo(b, db.Auditor, writerFunc(func(p []byte) (int, error) {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapInuse)
					return io.Discard.Write(p)
				}), args...)
				require.Zero(b, code)
			}
			each := b.Elapsed() / time.Duration(b.N)
			b.ReportMetric(n/each.Seconds(), "records/s")
			b.Logf("at most %d MB of heap", most>>20)
			require.Less(b, most, uint64(maxHeap))
		})
	}
}
