package audit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/audit"
)

// what names a finding: its kind, and of what it is.
func what(f audit.Finding) string {
	switch {
	case f.TerminalID != "":
		return fmt.Sprintf("%s %s/%d", f.Kind, f.TerminalID, f.Number)
	case f.CustomerID != "":
		return fmt.Sprintf("%s %s/%d", f.Kind, f.CustomerID, f.Number)
	case f.BatchID != 0:
		return fmt.Sprintf("%s batch %d", f.Kind, f.BatchID)
	}
	return fmt.Sprintf("%s %s", f.Kind, f.SaleID)
}

// TestWhatWasTamperedWithIsNamed has the superuser tamper with an honest shop, and each thing named and nothing else. Record t1/29 is a customer's sale.
func TestWhatWasTamperedWithIsNamed(t *testing.T) {
	defer audit.PartOf(37)()
	_, db := open(t, 400)
	conn, err := pgx.Connect(t.Context(), db.Admin)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var id, customer string
	var entry int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT s.sale_id::text, s.customer_id, e.entry_number
		FROM sales.sale s JOIN sales.loyalty_entry e USING (sale_id) WHERE chain = 't1' AND record_number = 29 AND kind = 'sale'`).Scan(&id, &customer, &entry))
	ofEntry := fmt.Sprintf("%s/%d", customer, entry)
	var endID string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT sale_id::text FROM sales.sale WHERE chain = 't1' AND record_number = 100`).Scan(&endID))
	var last int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT entries FROM sales.loyalty_account WHERE customer_id = $1`, customer).Scan(&last))
	require.Greater(t, last, entry)
	var batch int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT batch_id FROM anchor.batch_leaf WHERE sale_id = $1`, id).Scan(&batch))
	inBatch := fmt.Sprintf("batch %d", batch)
	var refundedSale, refundNumber string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT refund_of::text, chain || '/' || record_number FROM sales.sale WHERE refund_of IS NOT NULL
		AND customer_id IS NOT NULL ORDER BY recorded_at_us LIMIT 1`).Scan(&refundedSale, &refundNumber))

	set := func(change string) string {
		return "UPDATE sales.sale SET " + change + " WHERE chain = 't1' AND record_number = 29"
	}
	inAnswer := func(old, with string) string {
		return set("answer = convert_to(replace(convert_from(answer, 'UTF8'), '" + old + "', '" + with + "'), 'UTF8')")
	}
	account := func(change string) string {
		return "UPDATE sales.loyalty_account SET " + change + " WHERE customer_id = '" + customer + "'"
	}
	inLeaf := func(change string) string {
		return "UPDATE anchor.leaf SET " + change + " WHERE sale_id = '" + id + "'"
	}
	closed := func(change string, n int) string {
		return fmt.Sprintf("UPDATE sales.closing SET %s WHERE chain = 't1' AND closing_number = %d", change, n)
	}
	const some = "SELECT sale_id FROM sales.sale WHERE chain = 't1' AND record_number BETWEEN 28 AND 30"
	altered, ofAccount := []string{"record_altered t1/29"}, []string{"account_altered " + customer + "/0"}
	for name, c := range map[string]struct {
		tamper string
		found  []string
	}{
		"a total":                    {set("total = '1.00'"), altered},
		"a customer":                 {set("customer_id = 'C-0'"), altered},
		"points":                     {set("points_delta = points_delta + 5, points_earned = points_earned + 5"), altered},
		"both figures of its points": {set("points_redeemed = points_redeemed + 5, points_earned = points_earned + 5"), []string{"points_altered t1/29"}},
		"a balance":                  {set("points_balance = 99999"), altered},
		"a salt":                     {set("salt = sha256(salt)"), altered},
		"a request":                  {set(`request = request || '\x20'`), altered},
		"a time":                     {set("recorded_at_us = recorded_at_us + 1"), altered},
		"a hash":                     {set("sale_hash = sha256('x')"), altered},
		"an answer":                  {inAnswer("INR", "USD"), []string{"answer_altered t1/29"}},
		"a promise":                  {inAnswer(`"promise"`, `"premise"`), []string{"record_forged t1/29"}},
		"occurred_at": {
			"UPDATE sales.sale SET occurred_at = '2026-11-22T10:15:31+05:30' WHERE chain = 't1' AND record_number = 1", []string{"request_differs t1/1"},
		},
		"an entry": {
			"UPDATE sales.loyalty_entry SET points_balance = points_balance + 1 WHERE sale_id = '" + id + "'", []string{"entry_altered " + ofEntry},
		},
		"an entry removed": {
			"DELETE FROM sales.loyalty_entry WHERE sale_id = '" + id + "'", []string{"entry_missing " + ofEntry, "entry_missing " + customer + "/0"},
		},
		"the last entry removed, and the account as it was before": {
			`DELETE FROM sales.loyalty_entry e USING sales.loyalty_account a WHERE a.customer_id = e.customer_id AND entry_number = entries
				AND a.customer_id = '` + customer + `';
			UPDATE sales.loyalty_account a SET points_balance = e.points_balance, entries = e.entry_number, last_recorded_us = s.recorded_at_us,
				purchases = s.purchase_number FROM sales.loyalty_entry e JOIN sales.sale s USING (sale_id)
			WHERE a.customer_id = e.customer_id AND e.entry_number = entries - 1 AND a.customer_id = '` + customer + `'`, nil,
		},
		"a customer's entries and account removed": {
			"DELETE FROM sales.loyalty_entry WHERE customer_id = '" + customer + "'; DELETE FROM sales.loyalty_account WHERE customer_id = '" + customer + "'", nil,
		},
		"two accounts": {
			`ALTER TABLE sales.loyalty_account DROP CONSTRAINT loyalty_account_pkey; INSERT INTO sales.loyalty_account
			SELECT * FROM sales.loyalty_account WHERE customer_id = '` + customer + "'", ofAccount,
		},
		"a sale that was refunded, and its refunds, to nothing": {
			"UPDATE sales.sale SET total = '0.00' WHERE sale_id = '" + refundedSale + "' OR refund_of = '" + refundedSale + "'", nil,
		},
		"a total in minor units": {set("total_minor = total_minor + 100000"), altered},
		"the text of the rules": {
			`UPDATE sales.loyalty_rules_text SET rules = replace(rules, '"first_purchase_bonus": 50', '"first_purchase_bonus": 60')`, []string{"rules_altered "},
		},
		"the text of the rules to none": {"UPDATE sales.loyalty_rules_text SET rules = '{}'", []string{"rules_altered "}},
		"a total to null":               {unchecked + "ALTER TABLE sales.sale ALTER total DROP NOT NULL; " + set("total = NULL"), altered},
		"a negative purchase":           {unchecked + set("purchase_number = -1"), nil},
		"an account":                    {account("points_balance = 99999"), ofAccount},
		"a bonus armed again":           {account("bonus_due = true"), ofAccount},
		"an account removed":            {"DELETE FROM sales.loyalty_account WHERE customer_id = '" + customer + "'", ofAccount},
		"two balances swapped": {
			`UPDATE sales.loyalty_account a SET points_balance = b.points_balance FROM sales.loyalty_account b
			WHERE (a.customer_id, b.customer_id) IN (('C-1', 'C-2'), ('C-2', 'C-1'))`, []string{"account_altered C-1/0", "account_altered C-2/0"},
		},
		"a sale removed": {
			"DELETE FROM sales.sale WHERE sale_id = '" + id + "'", []string{"entry_alone " + ofEntry, "leaf_alone " + inBatch, "record_missing t1/29"},
		},
		"a sale removed with its leaf and entry": {
			"DELETE FROM anchor.batch_leaf WHERE sale_id = '" + id + "'; DELETE FROM sales.loyalty_entry WHERE sale_id = '" + id + "'; " +
				"DELETE FROM sales.sale WHERE sale_id = '" + id + "'",
			[]string{"batch_altered " + inBatch, "entry_missing " + ofEntry, "record_missing t1/29"},
		},
		"a sale removed with its neighbours": {
			"DELETE FROM anchor.batch_leaf WHERE sale_id IN (" + some + "); DELETE FROM sales.loyalty_entry WHERE sale_id IN (" + some + "); " +
				"DELETE FROM sales.sale WHERE sale_id IN (" + some + ")",
			[]string{"batch_altered " + inBatch, "entry_missing " + ofEntry, "record_missing t1/28"},
		},
		"two sales swapped": {
			`UPDATE sales.sale SET record_number = record_number + 1000 WHERE chain = 't1' AND record_number IN (29, 30);
			UPDATE sales.sale SET record_number = CASE record_number WHEN 1029 THEN 30 ELSE 29 END WHERE chain = 't1' AND record_number > 1000`,
			[]string{"record_altered t1/29", "record_altered t1/30"},
		},
		"a well-formed sale added at the end": {
			add("t1", 101, "100") + "; UPDATE sales.terminal_head SET records = 101 WHERE terminal_id = 't1'",
			[]string{"record_altered t1/101", "head_altered t1/101", "promise_broken t1/101"},
		},
		"a well-formed sale added in the middle": {
			`UPDATE sales.sale SET record_number = record_number + 1000 WHERE chain = 't1' AND record_number > 60;
			UPDATE sales.sale SET record_number = record_number - 999 WHERE chain = 't1' AND record_number > 1000; ` + add("t1", 61, "60"), nil,
		},
		"a head":          {"UPDATE sales.terminal_head SET head_hash = sha256('x') WHERE terminal_id = 't1'", []string{"head_altered t1/100"}},
		"a head moved on": {"UPDATE sales.terminal_head SET records = records + 1 WHERE terminal_id = 't1'", []string{"record_missing t1/101"}},
		"a head removed":  {"DELETE FROM sales.terminal_head WHERE terminal_id = 't1'", []string{"head_altered t1/100"}},
		"a root":          {"UPDATE anchor.batch SET root = sha256('x') WHERE batch_id = 7", []string{"batch_altered batch 7"}},
		"a leaf's amount": {inLeaf("amount_wei = amount_wei + 1"), []string{"amount_wrong " + inBatch, "batch_altered " + inBatch}},
		"a leaf's hash":   {inLeaf("sale_hash = sha256('x')"), []string{"batch_altered " + inBatch, "leaf_altered " + inBatch}},
		"a leaf's index": {
			"UPDATE anchor.batch_leaf SET leaf_index = leaf_index + 100 WHERE sale_id = '" + id + "'", []string{"batch_altered " + inBatch},
		},
		"a rate":         {"UPDATE anchor.rate SET value = '254321.18'", nil},
		"the log's root": {"UPDATE anchor.log SET root = sha256('x') WHERE batch_id = 7", []string{"log_altered batch 7"}},
		"a refund's state": {
			"UPDATE sales.refund_state SET refunded_minor = refunded_minor - 1 WHERE sale_id = '" + refundedSale + "'",
			[]string{"refunds_altered " + refundedSale},
		},
		"a state removed": {"DELETE FROM sales.refund_state WHERE sale_id = '" + refundedSale + "'", []string{"refunds_altered " + refundedSale}},
		"a refund's share": {
			"UPDATE sales.sale SET points_earned = points_earned - 1, points_redeemed = points_redeemed - 1 WHERE chain || '/' || record_number = '" +
				refundNumber + "'",
			[]string{"points_wrong " + refundNumber, "answer_altered " + refundNumber},
		},
		"a closing": {
			closed(`body = convert_to(replace(convert_from(body, 'UTF8'), '"gross":"', '"gross":"9'), 'UTF8')`, 1), []string{"closing_altered t1/1"},
		},
		"a closing's end":   {closed("to_number = to_number - 1", 2), []string{"closing_altered t1/2"}},
		"a closing removed": {"DELETE FROM sales.closing WHERE chain = 't1' AND closing_number = 1", []string{"closing_missing t1/1", "closing_differs t1/2"}},
		"the key":           {"DELETE FROM sales.promise_key", nil},
		"a record in no chain": {
			unchecked + "UPDATE sales.sale SET chain = '' WHERE chain = 't1' AND record_number = 100",
			[]string{"record_altered " + endID, "…"},
		},
		"a record of a time to come": {
			add("t1", 101, "100") + "; UPDATE sales.sale SET recorded_at_us = 4102444800000000 WHERE chain = 't1' AND record_number = 101",
			[]string{"promise_broken t1/101", "…"},
		},
		"a line in a name": {
			unchecked + "UPDATE sales.sale SET chain = E't1\\nnothing was found' WHERE chain = 't1' AND record_number = 100", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() { _, _ = conn.Exec(context.Background(), "ROLLBACK") }()
			for _, statement := range []string{"BEGIN", "SET LOCAL session_replication_role = replica", c.tamper} {
				_, err := conn.Exec(t.Context(), statement)
				require.NoError(t, err)
			}
			report, err := audit.Run(t.Context(), honest(), conn)
			require.NoError(t, err)
			var found []string
			for _, f := range report.Findings {
				found = append(found, what(f))
			}
			resting := honest()
			resting.Rest = func(context.Context, time.Duration) error { return nil }
			parted, err := audit.Run(t.Context(), resting, conn)
			require.NoError(t, err)
			require.Equal(t, report.Findings, parted.Findings, "also where the records are looked at in parts")
			for i := range report.Findings {
				require.NotContains(t, report.Findings[i].String(), "\n")
			}
			if c.found == nil { // in very many places
				require.NotEmpty(t, found)
				return
			}
			if last := len(c.found) - 1; c.found[last] == "…" { // and what follows from it
				require.Subset(t, found, c.found[:last])
				return
			}
			require.ElementsMatch(t, c.found, found)
		})
	}
}

// add adds a record that looks like another one of the chain, behind that.
func add(chain string, number int, after string) string {
	const columns = `kind, store_id, terminal_id, chain, idempotency_key, currency, total, total_minor, points_earned, points_redeemed, points_delta,
		points_balance, purchase_number, recorded_at_us, request, fingerprint, salt, receipt_token, answer`
	return fmt.Sprintf(`INSERT INTO sales.sale (sale_id, record_number, previous_hash, sale_hash, %s)
		SELECT gen_random_uuid(), %d, sale_hash, sha256(salt), %s FROM sales.sale WHERE chain = '%s' AND record_number = %s`,
		columns, number, strings.ReplaceAll(columns, "idempotency_key", "gen_random_uuid()"), chain, after)
}

// unchecked is how whoever owns the database gets rid of what it checks.
const unchecked = `DO $$ DECLARE checked name; BEGIN
	FOR checked IN SELECT conname FROM pg_constraint WHERE conrelid = 'sales.sale'::regclass AND contype = 'c' LOOP
		EXECUTE format('ALTER TABLE sales.sale DROP CONSTRAINT %I', checked);
	END LOOP;
END $$; `
