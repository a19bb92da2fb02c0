package export_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/export"
	"github.com/tillseal/tillseal/shared/event"
)

// Records of a day: a sale with two taxes and without amounts, an exchange, and a refund of some of the sale.
const (
	taxed = `{"currency":"INR","total":"1090.00","customer_id":"C-1001","lines":[
		{"sku":"TEA-250","name":"Assam tea","quantity":"2","unit_price":"499.75","discount":"0.50",
		 "taxes":[{"name":"CGST","rate":"2.50","amount":"25.00"},{"name":"SGST","rate":"2.5","amount":"25.00"}]},
		{"type":"tip","amount":"40.50"},
		{"type":"rounding","amount":"0.50"}],
		"tenders":[{"type":"cash","amount":"1000.00","tendered":"1100.00","change":"100.00"},{"type":"card","amount":"90.00","reference":"+4917"}],
		"occurred_at":"2026-11-22T10:15:30+05:30","terminal_seq":7,"external_ref":"INV-1","note":"two pots","reason":"none","metadata":{"table":"7"}}`
	exchange = `{"currency":"INR","total":"100.00","lines":[
		{"sku":"CUP","name":"Cup","quantity":"1","unit_price":"300.00","tax_included":true,"tax":"32.14"},
		{"type":"return","sku":"TEA-250","name":"Assam tea","quantity":"-0.4","unit_price":"500.00","tax_included":true,"taxes":[{"rate":"5","amount":"-9.52"}]}],
		"tenders":[{"type":"cash","amount":"100.00"}]}`
	refund = `{"kind":"refund","refund_of":"%s","currency":"INR","total":"525.00","lines":[
		{"sku":"TEA-250","name":"Assam tea","quantity":"1","unit_price":"500",
		 "taxes":[{"name":"CGST","rate":"2.5","amount":"12.50"},{"name":"SGST","rate":"2.5","amount":"12.50"}]}],
		"tenders":[{"type":"cash","amount":"525.00"}],"reason":"stale"}`
	dollars = `{"currency":"USD","total":"3.50","tenders":[{"type":"cash","amount":"3.50"}]}`
)

// day records a day at a till and closes it.
func (t *till) day() (first sold, c event.SalesClosed) {
	t.t.Helper()
	first = t.sell(taxed)
	t.sell(exchange)
	t.sell(fmt.Sprintf(refund, first.SaleID))
	t.sell(dollars)
	return first, t.close()
}

// sum adds up a column of the rows that are of one currency, and of what else is asked for.
func sum(rows []map[string]string, column string, where map[string]string) string {
	total := new(big.Rat)
rows:
	for _, row := range rows {
		for name, value := range where {
			if row[name] != value {
				continue rows
			}
		}
		amount, ok := new(big.Rat).SetString(row[column])
		if !ok {
			return "no number: " + row[column]
		}
		total.Add(total, amount)
	}
	return total.FloatString(2)
}

func TestAnExportOfAClosingComesToWhatTheClosingSays(t *testing.T) {
	shop := setup(t)
	till := shop.newTill("s1", "t1")
	_, c := till.day()
	inr := c.Currencies[0]
	rupees := map[string]string{"currency": "INR"}

	all := shop.run("-closing", "t1/1").whole()
	require.Equal(t, []string{"1", "2", "3", "4"}, all.column("record_number"))
	require.Equal(t, []string{"1090.00", "100.00", "-525.00", "3.50"}, all.column("signed_total"))
	require.Equal(t, []string{"1090.00", "100.00", "525.00", "3.50"}, all.column("total"), "as it was recorded")
	require.Equal(t, inr.Net, sum(all.table(), "signed_total", rupees))
	require.Contains(t, all.stderr, "4 records; INR 665.00: 2 sales of 1190.00, 1 refunds of 525.00; USD 3.50: 1 sales of 3.50, 0 refunds of 0.00\n")

	lines := shop.run("-closing", "t1/1", "-what", "lines").whole()
	require.Equal(t, []string{"1049.00", "40.50", "0.50", "300.00", "-200.00", "-525.00"}, lines.column("amount"), "worked out where the till left it out")
	require.Equal(t, inr.Net, sum(lines.table(), "amount", rupees))
	require.Equal(t, []string{"2", "", "", "1", "-0.4", "-1"}, lines.column("quantity"))
	require.Equal(t, "0.6", strings.TrimRight(sum(lines.table(), "quantity", map[string]string{"sku": "TEA-250"}), "0"), "what stays sold")
	require.Equal(t, []string{"item", "tip", "rounding", "item", "return", "item"}, lines.column("type"))
	require.Equal(t, []string{"1", "2", "3", "1", "2", "1"}, lines.column("line"))

	taxes := shop.run("-closing", "t1/1", "-what", "taxes").whole()
	require.Equal(t, []string{"2.5", "2.5", "", "5", "2.5", "2.5"}, taxes.column("rate"))
	for _, tax := range inr.Tax {
		rate := ""
		if tax.Rate != nil {
			rate = *tax.Rate
		}
		require.Equal(t, tax.Amount, sum(taxes.table(), "amount", map[string]string{"currency": "INR", "rate": rate}), "at %q", rate)
	}
	require.Len(t, inr.Tax, 3)

	tenders := shop.run("-closing", "t1/1", "-what", "tenders").whole()
	for _, c := range c.Currencies {
		for _, tender := range c.Tenders {
			require.Equal(t, tender.Amount, sum(tenders.table(), "amount", map[string]string{"currency": c.Currency, "type": tender.Type}))
		}
	}
	require.Equal(t, []string{"1100.00", "", "", "", ""}, tenders.column("tendered"))
	require.Equal(t, []string{"", "'+4917", "", "", ""}, tenders.column("reference"))
}

func TestAnExportHasCRLFAndAHeaderEvenWithoutRecords(t *testing.T) {
	shop := setup(t)
	till := shop.newTill("s1", "t1")
	till.sell(dollars)
	till.close()
	till.close()
	empty := shop.run("-closing", "t1/2").whole()
	require.Regexp(t, `^sale_id,kind,[a-z_,]+,sale_hash\r\n$`, empty.stdout)
	one := shop.run("-closing", "t1/1").whole()
	require.Equal(t, 2, strings.Count(one.stdout, "\r\n"))
	require.Equal(t, 2, strings.Count(one.stdout, "\n"))
	require.Empty(t, shop.run("-closing", "t1/2", "-format", "jsonl").whole().stdout)
}

func TestLinesOfJSONHaveWhatTheTillSentAndNoSecret(t *testing.T) {
	shop := setup(t)
	till := shop.newTill("s1", "t1")
	first, _ := till.day()
	out := shop.run("-closing", "t1/1", "-format", "jsonl").whole()
	var all []export.Record
	scanner := bufio.NewScanner(strings.NewReader(out.stdout))
	for scanner.Scan() {
		var r export.Record
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &r))
		all = append(all, r)
	}
	require.Len(t, all, 4)
	seq := int64(7)
	r := all[0]
	require.Equal(t, first.SaleID, r.SaleID)
	require.Equal(t, first.RecordedAt, r.RecordedAt)
	require.Equal(t, "2026-11-22T10:15:30+05:30", r.OccurredAt)
	require.Equal(t, &seq, r.TerminalSeq)
	require.Equal(t, "INV-1 two pots none", r.ExternalRef+" "+r.Note+" "+r.Reason)
	require.Equal(t, map[string]string{"table": "7"}, r.Metadata)
	require.Equal(t, "2.50", r.Lines[0].Taxes[0].Rate)
	require.Equal(t, "+4917", r.Tenders[1].Reference, "no spreadsheet reads it")
	require.Equal(t, int64(1), r.Loyalty.PurchaseNumber)
	require.Equal(t, "525.00 -525.00 "+first.SaleID, all[2].Total+" "+all[2].SignedTotal+" "+all[2].RefundOf)
	require.Nil(t, all[1].Loyalty)

	for _, secret := range []string{
		first.Key, first.Promise, first.ReceiptURL[strings.Index(first.ReceiptURL, "t=")+2:],
		query[string](shop, "SELECT encode(salt, 'hex') FROM audit.sale WHERE sale_id = $1", first.SaleID),
	} {
		require.NotEmpty(t, secret)
		require.NotContains(t, out.stdout, secret)
		require.NotContains(t, shop.run("-closing", "t1/1").stdout, secret)
	}
	for _, name := range []string{"salt", "idempotency", "promise", "receipt"} {
		require.NotContains(t, out.stdout, name)
	}
}

func TestAnEndedSeriesIsExportedByTheClosingInALaterOnesName(t *testing.T) {
	shop := setup(t)
	till := shop.newTill("s1", "t1")
	till.sell(dollars)
	till.close()
	left := till.sell(taxed)
	ask[map[string]any](shop, "ops.gateway.series.next", map[string]string{"by": "asha", "reason": "a test"})
	next := till.sell(dollars)
	till.close()

	ended := shop.run("-closing", "t1~2/1").whole()
	require.Equal(t, []string{left.SaleID}, ended.column("sale_id"))
	require.Equal(t, []string{"t1"}, ended.column("terminal_id"))
	own := shop.run("-closing", "t1~2/2").whole()
	require.Equal(t, []string{next.SaleID}, own.column("sale_id"))
	require.Equal(t, []string{"t1~2"}, own.column("terminal_id"))
}
