package audit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/testkit"
)

// honest are the options of an audit a year later.
func honest() audit.Options {
	return audit.Options{Now: time.UnixMicro(opened).AddDate(1, 0, 0), AnchoredWithin: time.Hour}
}

// audited audits a database as the auditor.
func audited(t testing.TB, db testkit.DB, adjust ...func(*audit.Options)) *audit.Report {
	t.Helper()
	snapshot, err := audit.Open(t.Context(), config.Secret(db.Auditor))
	require.NoError(t, err)
	defer snapshot.Close(t.Context())
	o := honest()
	for _, f := range adjust {
		f(&o)
	}
	report, err := snapshot.Audit(t.Context(), o)
	require.NoError(t, err)
	return report
}

func TestAnHonestShopHasNoFinding(t *testing.T) {
	_, db := open(t, 400)
	report := audited(t, db)
	require.Empty(t, report.Findings)
	require.True(t, report.Clean())
	require.Equal(t, int64(400), report.Records)
	require.Equal(t, int64(20), report.Batches)
	require.Positive(t, report.Entries)
}
