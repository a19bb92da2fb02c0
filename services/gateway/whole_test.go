package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// shown reads a record as its store is shown it: each member with its bytes.
func (t *till) shown(saleID string) map[string]string {
	t.t.Helper()
	r := t.do("GET", "/sales/"+saleID, "")
	require.Equal(t.t, 200, r.Status, "%s", r.Body)
	require.Equal(t.t, "application/json", r.Header.Get("Content-Type"))
	return members(t.t, r.Body)
}

// members takes an object apart that every parser reads alike.
func members(t *testing.T, text []byte) map[string]string {
	t.Helper()
	_, err := strictjson.Parse(text)
	require.NoError(t, err, "%s", text)
	all := make(map[string]string)
	for member, err := range strictjson.Pieces(text) {
		require.NoError(t, err)
		all[member.Name] = string(member.Raw)
	}
	return all
}

func TestARecordIsShownWholeAsItWasSentAndAnswered(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), `{"currency":"INR","total":"3000","customer_id":"C-1","terminal_seq":7}`)
	const sent = ` { "kind":"sale","currency":"INR","total":"1249.5", "customer_id":"C\u002d1","redeem_points":2e1,
		"lines": [ {"type":"item", "name":"<Assam> \u0074ea","quantity":"2.000","unit_price":"622.250" ,"amount":"1244.50"},
			{"type":"tip","amount":"5.0"} ],
		"tenders":[ {"type":"cash","amount":"1244.5","tendered":"1250","change":"5.50"}],
		"occurred_at":"2026-11-22t10:15:30.5+05:30","terminal_seq":7.0,"offline":true,"external_ref":"INV-é\/1",
		"note":"","reason":"torn & \u003ctaped\u003e","metadata":{"table":"7", "b":""} } `
	r, sold := shop.till.sell(newKey(), sent)
	shown := shop.till.shown(sold.SaleID)
	want := members(t, r.Body)
	require.Contains(t, want, "warnings")
	for name, value := range members(t, []byte(sent)) {
		if _, answered := want[name]; !answered { // kind, currency and total are as they are recorded
			want[name] = value
		}
	}
	want["refunded"], want["refunds"] = `"0.00"`, `[]`
	want["anchor"] = strings.Replace(want["anchor"], `"pending"`, `"unknown"`, 1)
	require.Equal(t, want, shown)
	require.Equal(t, `"1249.50"`, shown["total"])

	_, guest := shop.till.sell(newKey(), `{"currency":"JPY","total":"7"}`)
	shown = shop.till.shown(guest.SaleID)
	require.Equal(t, `"0"`, shown["refunded"])
	require.Equal(t, `null`, shown["loyalty"])
	for _, absent := range []string{
		"customer_id", "redeem_points", "lines", "tenders", "occurred_at", "terminal_seq", "offline", "external_ref", "note", "reason", "metadata", "refund_of",
		"warnings", "unreferenced",
	} {
		require.NotContains(t, shown, absent)
	}
}

func TestASaleIsShownWithItsRefundsAndARefundWithItsSale(t *testing.T) {
	shop := setup(t)
	second, stranger := shop.newTill("s1", "t2"), shop.newTill("s2", "t3")
	key := newKey()
	_, sold := shop.till.sell(key, `{"currency":"INR","total":"1000","customer_id":"C-1"}`)
	_, first := shop.till.sell(newKey(), `{"kind":"refund","refund_of_key":"`+strings.ToUpper(key)+`","currency":"INR","total":"10.5"}`)
	_, next := second.sell(newKey(), `{"kind":"refund","refund_of":"`+strings.ToUpper(sold.SaleID)+`","currency":"INR","total":"400"}`)
	_, last := shop.till.sell(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"INR","total":"0.01"}`)
	shown := second.shown(sold.SaleID)
	require.Equal(t, `"410.51"`, shown["refunded"])
	require.Equal(t, fmt.Sprintf(`["%s","%s","%s"]`, first.SaleID, next.SaleID, last.SaleID), shown["refunds"])
	require.Equal(t, `"`+strings.ToUpper(key)+`"`, shop.till.shown(first.SaleID)["refund_of_key"], "as it was sent")
	require.NotContains(t, shop.till.shown(next.SaleID), "refund_of_key")
	for _, refund := range []answer{first, next, last} {
		shown = shop.till.shown(refund.SaleID)
		require.Equal(t, `"`+sold.SaleID+`"`, shown["refund_of"])
		require.Equal(t, `"C-1"`, shown["customer_id"], "the customer is the sale's")
		for _, absent := range []string{"refunded", "refunds", "unreferenced"} {
			require.NotContains(t, shown, absent)
		}
		refuses(t, stranger.do("GET", "/sales/"+refund.SaleID, ""), 404, refusal.NotFound)
	}
	_, loose := shop.till.sell(newKey(), `{"kind":"refund","currency":"INR","total":"1","customer_id":"C-1"}`)
	shown = shop.till.shown(loose.SaleID)
	require.Equal(t, "true", shown["unreferenced"])
	require.Equal(t, `"C-1"`, shown["customer_id"])
	require.NotContains(t, shown, "refund_of")
	require.Equal(t, `"410.51"`, shop.till.shown(sold.SaleID)["refunded"])
}

// TestARecordOfAnEarlierBuildIsShownWithWhatItHas has one whose answer knew no promise and whose lines had neither type nor amount.
func TestARecordOfAnEarlierBuildIsShownWithWhatItHas(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), `{"currency":"INR","total":"5","lines":[{"quantity":"1","unit_price":"4","tax":"1"}]}`)
	shop.exec(`UPDATE sales.sale SET answer = convert_to((convert_from(answer, 'UTF8')::jsonb - 'promise')::text, 'UTF8') WHERE sale_id = $1`, sold.SaleID)
	shown := shop.till.shown(sold.SaleID)
	require.NotContains(t, shown, "promise")
	require.Equal(t, `"`+sold.ReceiptURL+`"`, shown["receipt_url"])
	require.Equal(t, `[{"quantity":"1","unit_price":"4","tax":"1"}]`, shown["lines"])
	require.Contains(t, shown["anchor"], sold.Anchor.SaleHash)
}

func TestAParkedRecordIsShownWithTheReason(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), tea)
	stop, err := shop.bus.Serve(context.Background(), "stands in for the ledger",
		stream.Answers(stream.Endpoint{Subject: event.SubjectSalesGet}, func(_ context.Context, q event.SaleQuery) (event.SaleStatus, error) {
			return event.SaleStatus{SaleID: q.SaleID, Status: "parked", Reason: "no tier has a rate for INR"}, nil
		}))
	require.NoError(t, err)
	defer stop()
	require.JSONEq(t, `{"status":"parked","reason":"no tier has a rate for INR","sale_hash":"`+sold.Anchor.SaleHash+`","proof_url":"`+
		sold.Anchor.ProofURL+`"}`, shop.till.shown(sold.SaleID)["anchor"])
	newClerk(t, shop.gates[0]).call(shop.till, callSale, "/sales/"+sold.SaleID, "")
	page := string(shop.till.do("GET", sold.ReceiptURL, "", "Authorization", "").Body)
	require.Contains(t, page, `"proof":{"status":"parked"}`)
	require.NotContains(t, page, "no tier")
}
