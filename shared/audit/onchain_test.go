package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/audit"
	"github.com/tillseal/tillseal/shared/batchlog"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/testkit"
)

// chain is a contract with batches, at block 100.
type chain struct {
	batches []batchlog.Batch
	other   bool // code
	at      time.Time
}

// chainOf is the chain on which a shop's batches were anchored.
func chainOf(t *testing.T, db testkit.DB) *chain {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), `SELECT batch_id, root, size FROM anchor.batch ORDER BY batch_id`)
	require.NoError(t, err)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b batchlog.Batch, err error) {
		var root []byte
		err = row.Scan(&b.ID, &root, &b.Size)
		b.Root = common.BytesToHash(root)
		return b, err
	})
	require.NoError(t, err)
	return &chain{batches: all}
}

func (c *chain) Log(_ context.Context, chainID string, of common.Address) (audit.Log, error) {
	if chainID != "1337" || of != contract {
		return audit.Log{}, audit.ErrOtherChain
	}
	log := batchlog.New()
	for _, b := range c.batches {
		if _, err := log.Append(b); err != nil {
			return audit.Log{}, err
		}
	}
	return audit.Log{Size: log.Size(), Root: log.Root(), Block: 100, Time: c.at, OtherCode: c.other}, nil
}

func (c *chain) Batches(_ context.Context, _ string, _ common.Address, from uint64, _ audit.Log, do func(audit.Announced) error) error {
	if from > 5 { // where they are
		return nil
	}
	for _, b := range c.batches {
		if err := do(audit.Announced{ID: b.ID, Root: b.Root, Size: b.Size}); err != nil {
			return err
		}
	}
	return nil
}

func TestTheContractsLogIsTheJournals(t *testing.T) {
	_, db := open(t, 100)
	found := func(c *chain, adjust ...func(*audit.Options)) []string {
		t.Helper()
		var all []string
		for _, f := range audited(t, db, append(adjust, func(o *audit.Options) { o.Chain = c })...).Findings {
			all = append(all, what(f))
		}
		return all
	}
	honest := func() *chain { return chainOf(t, db) }
	admin := func(statement string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), db.Admin)
		require.NoError(t, err)
		defer func() { _ = conn.Close(context.Background()) }()
		for _, statement := range []string{"SET session_replication_role = replica", statement} {
			_, err = conn.Exec(t.Context(), statement)
			require.NoError(t, err)
		}
	}
	require.Empty(t, found(honest()))
	report := audited(t, db, func(o *audit.Options) { o.Chain = honest() })
	require.Equal(t, []string{"1337", contract.Hex()}, []string{report.Contracts[0].ChainID, report.Contracts[0].Contract})
	require.Empty(t, report.Skipped)
	require.Len(t, audited(t, db).Skipped, 1, "without a node")

	// Everything was rewritten consistently from some batch on: the contract alone remembers.
	rewritten := honest()
	rewritten.batches[2].Root[0]++
	require.Equal(t, []string{"log_differs batch 3"}, found(rewritten))
	smaller := honest()
	smaller.batches[3].Size++
	require.Equal(t, []string{"log_differs batch 4"}, found(smaller))
	more := honest()
	more.batches = append(more.batches, batchlog.Batch{ID: 6, Root: common.Hash{1}, Size: 1})
	require.Equal(t, []string{"log_differs batch 6"}, found(more))
	fewer := honest()
	fewer.batches = fewer.batches[:3]
	require.Equal(t, []string{"log_differs batch 4"}, found(fewer), "all are in blocks before")
	fewer.batches = nil
	require.Equal(t, []string{"log_differs batch 1"}, found(fewer), "another contract, without any")
	require.Equal(t, []string{"log_differs "}, found(&chain{other: true, batches: honest().batches}))
	require.Equal(t, []string{"contract_other "}, found(honest(), func(o *audit.Options) { o.Published = []common.Address{{1}, {2}} })[:1])
	require.Empty(t, found(honest(), func(o *audit.Options) { o.Published = []common.Address{contract} }))
	require.Equal(t, []string{"contract_other "}, found(honest(), func(o *audit.Options) { o.Published = []common.Address{{1}, contract} }), "one is missing")
	admin("UPDATE anchor.deployment SET retired = true")
	require.NotContains(t, found(honest(), func(o *audit.Options) { o.Published = []common.Address{contract} }), "contract_other ")
	admin("UPDATE anchor.deployment SET retired = false")
	_, err := auditing(t, db, func(o *audit.Options) { o.Chain = &chain{batches: honest().batches, at: o.Now.Add(-25 * time.Hour)} })
	require.ErrorContains(t, err, "its node is behind, or nothing has been final since")
	require.Empty(t, found(&chain{batches: honest().batches, at: time.UnixMicro(opened).AddDate(1, 0, 0).Add(-23 * time.Hour)}))

	// What the contract gets while an audit lasts is not in its snapshot.
	grows := honest()
	snapshot, err := audit.Open(t.Context(), config.Secret(db.Auditor), grows, audit.Sessions)
	require.NoError(t, err)
	grows.batches = more.batches
	o := audit.Options{Now: time.UnixMicro(opened).AddDate(1, 0, 0), AnchoredWithin: time.Hour, Chain: grows}
	report, err = snapshot.Audit(t.Context(), o)
	snapshot.Close(t.Context())
	require.NoError(t, err)
	require.Empty(t, report.Findings)

	admin("UPDATE anchor.deployed SET block_number = 1000") // where the shop says that its events begin
	require.Equal(t, []string{"log_differs batch 3"}, found(rewritten))
	silent := &silentChain{*rewritten}
	report = audited(t, db, func(o *audit.Options) { o.Chain = silent })
	require.Equal(t, map[audit.Kind]int64{audit.LogDiffers: 1}, report.Counts, "also where no event tells from which batch on")
	admin("UPDATE anchor.deployment SET chain_id = 999")
	admin(`INSERT INTO sales.loyalty_account (customer_id, points_balance, purchases, entries, last_recorded_us) VALUES ('C-none', 5, 0, 0, 0)`)
	report, err = auditing(t, db, func(o *audit.Options) { o.Chain = honest() })
	require.ErrorContains(t, err, "no node is on chain 999")
	require.NotEmpty(t, report.Findings, "what was found before is kept")
}

// A journal that calls batches mined in a block that is never final, or at an address where nothing is, anchors nothing; but it may be behind.
func TestABatchThatIsNeverFinalAnchorsNothing(t *testing.T) {
	s, db := open(t, 100)
	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	replica := func(statement string) {
		t.Helper()
		_, err := conn.Exec(t.Context(), "SET session_replication_role = replica; "+statement)
		require.NoError(t, err)
	}
	last := chainOf(t, db)
	last.batches = last.batches[:4]
	replica("UPDATE anchor.batch_event SET block_number = 1000000 WHERE batch_id = 5")
	onLast := func(o *audit.Options) { o.Chain = last }
	report := audited(t, db, onLast)
	require.Equal(t, map[audit.Kind]int64{audit.NotAnchored: 20}, report.Counts)
	require.Contains(t, report.Findings[0].Detail, "stands in a batch that the journal calls mined and no final block has")
	hours := func(n int) func(o *audit.Options) {
		return func(o *audit.Options) {
			o.Now = time.UnixMicro(opened + int64(s.count)*1_000_000).Add(time.Duration(n) * time.Hour)
		}
	}
	young := audited(t, db, onLast, hours(24))
	require.Empty(t, young.Findings, "it may still become so")
	require.Equal(t, uint64(4), young.Checkpoint.Logs[0].Size, "what is not final may come to stand otherwise, and is not pinned")
	all := audited(t, db, hours(24)).Checkpoint
	require.Equal(t, uint64(5), all.Logs[0].Size)
	behind := audited(t, db, onLast, hours(24), func(o *audit.Options) { o.Pinned = all })
	require.Equal(t, all.Logs, behind.Checkpoint.Logs, "nor does a node that is behind unpin anything")
	require.Len(t, audited(t, db, onLast, hours(26)).Findings, 20)
	require.Len(t, audited(t, db, onLast, hours(26), func(o *audit.Options) { o.Since = young.Checkpoint }).Findings, 20, "nor is it lost between two audits")

	// A journal that does not know yet that its batch was mined is behind, and says nothing wrong.
	replica("UPDATE anchor.batch_event SET state = 'broadcast', block_number = NULL, block_hash = NULL WHERE batch_id = 5")
	onAll := func(o *audit.Options) { o.Chain = chainOf(t, db) }
	report = audited(t, db, onAll, hours(2))
	require.Empty(t, report.Findings)
	require.Len(t, report.Skipped, 1)
	require.Contains(t, report.Skipped[0], "has batches 5 to 5 at block 100, and the journal does not say that they are mined yet")
	report = audited(t, db, onAll, hours(26))
	require.Equal(t, map[audit.Kind]int64{audit.LogDiffers: 1}, report.Counts, "no anchor is away for so long")
	require.Contains(t, report.Findings[0].Detail, "though their records are of more than a day ago")
	other := chainOf(t, db)
	other.batches[4].Size++
	require.Equal(t, map[audit.Kind]int64{audit.LogDiffers: 1, audit.PromiseBroken: 20}, audited(t, db, func(o *audit.Options) { o.Chain = other }).Counts)
}

// silentChain has a contract whose events a node does not show.
type silentChain struct{ chain }

func (c *silentChain) Batches(context.Context, string, common.Address, uint64, audit.Log, func(audit.Announced) error) error {
	return nil
}

func TestWhatIsNotAnchoredInTimeIsNamedWithItsPromise(t *testing.T) {
	_, db := open(t, 100)
	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, statement := range []string{
		"SET session_replication_role = replica", `INSERT INTO anchor.batch_event (deployment, batch_id, state) VALUES (1, 5, 'reorged')`,
	} {
		_, err = conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	last := func(o *audit.Options) { o.Now = o.Now.AddDate(-1, 0, 0).Add(101 * time.Second) }
	require.Empty(t, audited(t, db, last).Findings, "their time has not come")
	soon := audited(t, db, last, func(o *audit.Options) { o.AnchoredWithin = 0 }).Counts
	require.Equal(t, map[audit.Kind]int64{audit.NotAnchored: 20}, map[audit.Kind]int64(soon))
	require.Equal(t, map[audit.Kind]int64{audit.PromiseBroken: 20}, audited(t, db).Counts)
}
