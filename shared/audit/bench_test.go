package audit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkAudit audits 100,000 honest sales; the limit is 15,000 sales a second on two processors with Postgres beside.
func BenchmarkAudit(b *testing.B) {
	const n = 100_000
	s := newShop(b)
	s.batchOf = 4096
	db := written(b, s, n)
	for b.Loop() {
		began := time.Now()
		report := audited(b, db)
		require.Empty(b, report.Findings)
		b.Logf("%d sales/s", int64(n*time.Second/time.Since(began)))
	}
}
