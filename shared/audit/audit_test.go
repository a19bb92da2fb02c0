package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
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
	report, err := auditing(t, db, adjust...)
	require.NoError(t, err)
	return report
}

// auditing is an audit that may not be completed.
func auditing(t testing.TB, db testkit.DB, adjust ...func(*audit.Options)) (*audit.Report, error) {
	t.Helper()
	o := honest()
	for _, f := range adjust {
		f(&o)
	}
	snapshot, err := audit.Open(t.Context(), config.Secret(db.Auditor), o.Chain, audit.Sessions)
	require.NoError(t, err)
	defer snapshot.Close(t.Context())
	return snapshot.Audit(t.Context(), o)
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

func TestWhatIsNotThereIsNoCleanAudit(t *testing.T) {
	_, db := open(t, 100)
	_, err := auditing(t, db, func(o *audit.Options) { o.Terminal = "nowhere" })
	require.EqualError(t, err, `terminal "nowhere" has no record`)
	_, err = auditing(t, db, func(o *audit.Options) { o.Customer = "nobody" })
	require.EqualError(t, err, `customer "nobody" has no entry`)

	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), `INSERT INTO sales.loyalty_account (customer_id, points_balance, purchases, entries, last_recorded_us)
		VALUES ('nobody', 5, 0, 0, 0)`)
	require.NoError(t, err)
	report := audited(t, db, func(o *audit.Options) { o.Customer = "nobody" })
	require.Equal(t, map[audit.Kind]int64{audit.AccountAltered: 1}, report.Counts)
}
