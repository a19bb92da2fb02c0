package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
)

// pens is a sale of some pens at 5.00.
func pens(n int) string {
	return fmt.Sprintf(`{"currency":"EUR","total":"%d.00","lines":[{"sku":"PEN","quantity":"%d","unit_price":"5.00"}]}`, 5*n, n)
}

// back is a refund of what lines say.
func back(saleID, total, lines string) string {
	return `{"kind":"refund","refund_of":"` + saleID + `","currency":"EUR","total":"` + total + `","lines":[` + lines + `]}`
}

const onePen = `{"sku":"PEN","quantity":"1","unit_price":"1.00"}`

func TestNoMoreOfASKUComesBackThanWasSoldAtWhicheverGateway(t *testing.T) {
	shop := setup(t)
	other := shop.till.at(shop.addGateway(func(c *gateway.Config) { c.PromiseKeyFile = shop.keyFile }))
	_, sold := shop.till.sell(newKey(), pens(3))
	outcomes := make(chan int, 12)
	for i := range cap(outcomes) {
		go func() {
			r, err := []*till{shop.till, other}[i%2].insist(newKey(), back(sold.SaleID, "1.00", onePen))
			if err != nil {
				r.Status = 0
			}
			outcomes <- r.Status
		}()
	}
	got := map[int]int{}
	for range cap(outcomes) {
		got[<-outcomes]++
	}
	require.Equal(t, map[int]int{http.StatusCreated: 3, http.StatusUnprocessableEntity: 9}, got)
	fields := refuses(t, shop.till.post(newKey(), back(sold.SaleID, "1.00", onePen)), 422, refusal.RefundExceeds)
	require.Equal(t, refusal.Field{Pointer: "/lines/0/quantity", Detail: "brings what comes back of this sku to 4, the sale has 3"}, fields[0])
	// Without a sku nobody can tell, and the amounts decide.
	shop.till.sell(newKey(), back(sold.SaleID, "1.00", `{"name":"Pen","amount":"1.00"}`))
	shop.till.sell(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"EUR","total":"1.00"}`)
}

func TestWhatComesBackIsComparedLineByLine(t *testing.T) {
	shop := setup(t)
	const mixed = `{"currency":"EUR","total":"22.00","lines":[{"sku":"PEN","quantity":"1","unit_price":"5.00"},{"sku":"PEN","quantity":"1","unit_price":"5.00"},
		{"sku":"TEA","quantity":"0.250","unit_price":"40.00"},{"sku":"LABEL","amount":"3.00"},{"type":"return","sku":"CUP","quantity":"-1","unit_price":"1.00"}]}`
	const brings = "brings what comes back of this sku to "
	sale := func() string {
		_, a := shop.till.sell(newKey(), mixed)
		return a.SaleID
	}
	for lines, want := range map[string]string{
		`{"sku":"PEN","quantity":"2","unit_price":"0.50"}`:                                                  "",
		`{"sku":"PEN","quantity":"1","unit_price":"0.50"},{"sku":"PEN","quantity":"1","unit_price":"0.50"}`: "",
		`{"sku":"PEN","quantity":"1","unit_price":"0.50"},{"sku":"PEN","quantity":"1.000000001","unit_price":"0.499999999"}`: "/lines/1/quantity " + brings +
			"2.000000001, the sale has 2",
		`{"sku":"TEA","quantity":"0.250","unit_price":"4"}`:                                               "",
		`{"sku":"TEA","quantity":"0.251","unit_price":"4","amount":"1.00"}`:                               "/lines/0/quantity " + brings + "0.251, the sale has 0.25",
		`{"sku":"LABEL","amount":"1.00"}`:                                                                 "",
		`{"sku":"LABEL","amount":"0.50"},{"sku":"LABEL","amount":"0.50"}`:                                 "/lines/1/sku " + brings + "2, the sale has 1",
		`{"sku":"CUP","amount":"1.00"}`:                                                                   "/lines/0/sku " + brings + "1, the sale has 0",
		`{"sku":"PEN","amount":"3.00"},{"type":"return","sku":"NEW","quantity":"-1","unit_price":"2.00"}`: "", // taken instead
		`{"sku":"PEN","amount":"1.50"},{"type":"discount","sku":"PROMO","amount":"-0.50"}`:                "",
	} {
		r := shop.till.post(newKey(), back(sale(), "1.00", lines))
		if want == "" {
			require.Equal(t, 201, r.Status, "%s: %s", lines, r.Body)
			continue
		}
		fields := refuses(t, r, 422, refusal.RefundExceeds)
		require.Equal(t, want, fields[0].Pointer+" "+fields[0].Detail, lines)
	}
}

func TestARefundAndItsSaleInOneBatchAreComparedToo(t *testing.T) {
	shop := setup(t)
	key := newKey()
	byKey := func(total, lines string) string {
		return `{"kind":"refund","refund_of_key":"` + key + `","currency":"EUR","total":"` + total + `","lines":[` + lines + `]}`
	}
	_, got := shop.till.batch(
		entry(key, pens(2)), entry(newKey(), byKey("1.00", onePen)), entry(newKey(), byKey("1.00", onePen)), entry(newKey(), byKey("1.00", onePen)),
		entry(newKey(), byKey("1.00", `{"amount":"1.00"}`)),
	)
	var statuses []int
	for _, one := range got {
		statuses = append(statuses, one.Status)
	}
	require.Equal(t, []int{201, 201, 201, 422, 201}, statuses, "%s", got[3].Body)
}

func TestTheRefundsOfASaleAreBounded(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), pens(300))
	entries := make([]string, 0, store.MaxRefunds)
	for range cap(entries) {
		entries = append(entries, entry(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"EUR","total":"0.01"}`))
	}
	for _, part := range [][]string{entries[:250], entries[250:]} {
		_, got := shop.till.batch(part...)
		for _, one := range got {
			require.Equal(t, 201, one.Status, "%s", one.Body)
		}
	}
	fields := refuses(t, shop.till.post(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"EUR","total":"0.01"}`), 422, refusal.RefundExceeds)
	require.Equal(t, refusal.Field{Detail: "is one too many: a sale has at most 500 refunds"}, fields[0])

	// What a group reads of a sale's refunds, while it holds its locks, is bounded too.
	_, sold = shop.till.sell(newKey(), pens(300))
	long := strings.Repeat(`{"sku":"PEN","name":"`+strings.Repeat("n", 200)+`","quantity":"0.001","unit_price":"1.00","amount":"0.00"},`, 499)
	each := back(sold.SaleID, "1.00", long+onePen)
	for sent := 0; sent <= store.MaxRefundBytes; sent += len(each) {
		shop.till.sell(newKey(), each)
	}
	fields = refuses(t, shop.till.post(newKey(), back(sold.SaleID, "1.00", `{"name":"Pen","amount":"1.00"}`)), 422, refusal.RefundExceeds)
	require.Equal(t, refusal.Field{Detail: "is one too many: the sale's refunds have more than 1 MiB together"}, fields[0])
}

func TestAReturnWithoutAReceiptIsRecordedAndTakesPointsBack(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), `{"currency":"USD","total":"30.00","customer_id":"C-1"}`) // 30 and the bonus of 50
	_, a := shop.till.sell(newKey(), `{"kind":"refund","customer_id":"C-1","currency":"USD","total":"19.99","reason":"no receipt"}`)
	require.True(t, a.Unreferenced)
	require.Equal(t, []int64{0, -19, 0, 61}, []int64{a.Loyalty.PurchaseNumber, a.Loyalty.PointsEarned, a.Loyalty.PointsRedeemed, a.Loyalty.PointsBalance})
	_, a = shop.till.sell(newKey(), `{"kind":"refund","customer_id":"C-1","currency":"USD","total":"99.00"}`)
	require.Equal(t, int64(-38), a.Loyalty.PointsBalance, "a claw-back may take it below zero")
	_, a = shop.till.sell(newKey(), `{"kind":"refund","currency":"USD","total":"5.00","tenders":[{"type":"store_credit","amount":"5.00"}]}`)
	require.Nil(t, a.Loyalty)
	require.True(t, a.Unreferenced)
	short := `{"kind":"refund","currency":"USD","total":"5.00","tenders":[{"type":"cash","amount":"4.99"}]}`
	refuses(t, shop.till.post(newKey(), short), 422, refusal.TotalsMismatch)
	// It is no sale that could be refunded in turn.
	fields := refuses(t, shop.till.post(newKey(), `{"kind":"refund","refund_of":"`+a.SaleID+`","currency":"USD","total":"1.00"}`), 422, refusal.InvalidRecord)
	require.Equal(t, refusal.Field{Pointer: "/refund_of", Detail: "names a refund; only a sale can be refunded"}, fields[0])
	shop.checkBooks()
}

func TestARefundThatFindsNoSaleSaysWhere(t *testing.T) {
	shop := setup(t)
	elsewhere, second := shop.newTill("s2", "t9"), shop.newTill("s1", "t2")
	key := newKey()
	_, sold := shop.till.sell(key, pens(1))
	refund := func(of string) string { return `{"kind":"refund",` + of + `,"currency":"EUR","total":"1.00"}` }
	for _, c := range []struct {
		till            *till
		of, where, says string
	}{
		{elsewhere, `"refund_of":"` + sold.SaleID + `"`, "/refund_of", "names a sale of another store, whose terminals alone can refund it"},
		{shop.till, `"refund_of":"01a1f94f-e264-7599-97ba-9d8ea7e314e5"`, "/refund_of", "names no sale"},
		{second, `"refund_of_key":"` + key + `"`, "/refund_of_key", "is no key of terminal t2: a key belongs to the terminal that sent it; " +
			"name another terminal's sale by its sale_id, in refund_of"},
	} {
		fields := refuses(t, c.till.post(newKey(), refund(c.of)), 404, refusal.NotFound)
		require.Equal(t, refusal.Field{Pointer: c.where, Detail: c.says}, fields[0])
	}
	second.sell(newKey(), refund(`"refund_of":"`+sold.SaleID+`"`))
}
