package audit_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/audit"
)

// TestAnAuditGoesOnWhereTheLastOneEnded keeps a checkpoint, has the shop sell more, and tampers with what is before and after it.
func TestAnAuditGoesOnWhereTheLastOneEnded(t *testing.T) {
	s, db := open(t, 200)
	before := audited(t, db).Checkpoint
	require.NoError(t, before.Check())
	require.Len(t, before.Chains, 4)
	require.Equal(t, uint64(10), before.Logs[0].Size)
	s.more(t, db.Admin, 300)
	since := func(o *audit.Options) { o.Since = before }
	report := audited(t, db, since)
	require.Empty(t, report.Findings)
	require.Equal(t, int64(100), report.Records, "what came after")
	require.Len(t, report.Skipped, 2, "and it says what it leaves to a full audit")
	require.Equal(t, audited(t, db).Checkpoint.Chains, report.Checkpoint.Chains)
	require.Equal(t, audited(t, db).Checkpoint.Logs, report.Checkpoint.Logs)

	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for name, c := range map[string]struct {
		tamper      string
		since, full []string
	}{
		"an older record": {"UPDATE sales.sale SET total = '1.00' WHERE chain = 't1' AND record_number = 29", nil, []string{"record_altered t1/29"}},
		"a newer record": {
			"UPDATE sales.sale SET total = '1.00' WHERE chain = 't1' AND record_number = 60",
			[]string{"record_altered t1/60"},
			[]string{"record_altered t1/60"},
		},
		"the last record that was seen": {
			"UPDATE sales.sale SET sale_hash = sha256('x') WHERE chain = 't1' AND record_number = 50",
			[]string{"checkpoint_gone t1/50"},
			[]string{"record_altered t1/50"},
		},
		"an older batch": {"UPDATE anchor.batch SET root = sha256('x') WHERE batch_id = 3", []string{"checkpoint_gone batch 10"}, nil},
		// The end of a terminal is cut off, with all that tells of it: whoever kept a checkpoint sees it.
		"the tail of a terminal": {`DELETE FROM sales.loyalty_entry e USING sales.sale s WHERE s.sale_id = e.sale_id AND chain = 't2' AND record_number > 48;
			DELETE FROM anchor.batch_leaf m USING sales.sale s WHERE s.sale_id = m.sale_id AND chain = 't2' AND record_number > 48;
			DELETE FROM sales.sale WHERE chain = 't2' AND record_number > 48;
			UPDATE sales.terminal_head SET records = 48, head_hash = (SELECT sale_hash FROM sales.sale WHERE chain = 't2' AND record_number = 48)
			WHERE terminal_id = 't2'`, []string{"checkpoint_gone t2/50"}, nil},
		"the last closing to another": {
			"UPDATE sales.closing SET body = convert_to(replace(convert_from(body, 'UTF8'), 't2', 't9'), 'UTF8') WHERE chain = 't2' AND closing_number = 2",
			[]string{"checkpoint_gone t2/2"},
			nil,
		},
		"the last closing": {
			"DELETE FROM sales.closing WHERE chain = 't2' AND closing_number = 2", []string{"checkpoint_gone t2/2"}, nil,
		},
		"a contract": {"UPDATE anchor.deployment SET chain_id = 999", []string{"checkpoint_gone batch 10"}, nil},
		"a terminal": {"DELETE FROM sales.sale WHERE chain = 't3'; DELETE FROM sales.terminal_head WHERE terminal_id = 't3'", []string{"checkpoint_gone t3/50"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() { _, _ = conn.Exec(context.Background(), "ROLLBACK") }()
			for _, statement := range []string{"BEGIN", "SET LOCAL session_replication_role = replica", c.tamper} {
				_, err := conn.Exec(t.Context(), statement)
				require.NoError(t, err)
			}
			var carried *audit.Checkpoint
			found := func(o audit.Options) (all []string) {
				report, err := audit.Run(t.Context(), o, conn)
				require.NoError(t, err)
				carried = report.Checkpoint
				for _, f := range report.Findings {
					all = append(all, what(f))
				}
				return all
			}
			o := honest()
			if full := found(o); c.full != nil {
				require.ElementsMatch(t, c.full, full)
			}
			if slices.ContainsFunc(c.since, func(s string) bool { return strings.HasPrefix(s, "checkpoint_gone") }) {
				pinned := o
				pinned.Pinned = before
				require.Subset(t, found(pinned), c.since, "also where everything is checked")
				pinned.Pinned = carried
				require.Subset(t, found(pinned), c.since, "and by the next one, until it stands again")
			}
			o.Since = before
			if c.since == nil {
				require.Empty(t, found(o))
				return
			}
			require.Subset(t, found(o), c.since)
		})
	}
}

func TestOneTerminalOrCustomerIsCheckedAlone(t *testing.T) {
	_, db := open(t, 200)
	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(t.Context(), `UPDATE sales.sale SET total = '1.00' WHERE chain = 't1' AND record_number = 29;
		UPDATE sales.loyalty_account SET points_balance = 99999 WHERE customer_id = 'C-1'`)
	require.NoError(t, err)
	found := func(adjust func(*audit.Options)) (all []string) {
		t.Helper()
		report := audited(t, db, adjust)
		require.NotEmpty(t, report.Skipped)
		require.Nil(t, report.Checkpoint)
		for _, f := range report.Findings {
			all = append(all, what(f))
		}
		return all
	}
	require.Equal(t, []string{"record_altered t1/29"}, found(func(o *audit.Options) { o.Terminal = "t1" }))
	require.Empty(t, found(func(o *audit.Options) { o.Terminal = "t2" }))
	require.Equal(t, []string{"account_altered C-1/0"}, found(func(o *audit.Options) { o.Customer = "C-1" }))
	require.Empty(t, found(func(o *audit.Options) { o.Customer = "C-2" }))
}
