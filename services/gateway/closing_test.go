package gateway_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
)

func TestAClosingIsWhatTheTillSold(t *testing.T) {
	shop := setup(t)
	sub, err := shop.bus.Conn.SubscribeSync(event.SubjectClosed + ".s1")
	require.NoError(t, err)
	_, first := shop.till.sell(newKey(), `{"currency":"INR","total":"1249.50","customer_id":"C-1",
		"lines":[{"sku":"TEA","quantity":"2","unit_price":"499.75","tax":"250.00"}],
		"tenders":[{"type":"cash","amount":"1000"},{"type":"card","amount":"249.50"}]}`)
	shop.till.sell(newKey(), `{"kind":"refund","refund_of":"`+first.SaleID+`","currency":"INR","total":"124.95",
		"lines":[{"quantity":"1","unit_price":"99.95","tax":"25"}],"tenders":[{"type":"cash","amount":"124.95"}]}`)
	_, batch := shop.till.batch(
		entry(newKey(), `{"currency":"JPY","total":"300","occurred_at":"2020-01-01T00:00:00Z"}`),
		entry(newKey(), `{"currency":"INR","total":"-1"}`),
		entry(newKey(), `{"currency":"INR","total":"10","customer_id":"C-1","redeem_points":40}`))
	require.Equal(t, 422, batch[1].Status)
	last := read[answer](t, reply{Body: batch[2].Body})
	shop.newTill("s1", "t2").sell(newKey(), tea)

	key := newKey()
	r, c := shop.till.close(key)
	require.Empty(t, r.Header.Get("Idempotency-Replayed"))
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	require.Equal(t, []any{"s1", "t1", uint64(1), uint64(1), uint64(4), last.Anchor.SaleHash},
		[]any{c.StoreID, c.TerminalID, c.ClosingNumber, c.FromNumber, c.ToNumber, c.HeadHash.Hex()})
	require.Equal(t, first.RecordedAt, c.OpenedAt)
	require.GreaterOrEqual(t, c.ClosedAt, last.RecordedAt)
	currencies, err := json.Marshal(c.Currencies)
	require.NoError(t, err)
	require.JSONEq(t, `[
		{"currency":"INR","sales":{"count":2,"gross":"1259.50"},"refunds":{"count":1,"total":"124.95"},"net":"1134.55",
		 "tax":[{"rate":null,"amount":"225.00"}],
		 "tenders":[{"type":"card","count":1,"amount":"249.50"},{"type":"cash","count":2,"amount":"875.05"}]},
		{"currency":"JPY","sales":{"count":1,"gross":"300"},"refunds":{"count":0,"total":"0"},"net":"300","tax":[],"tenders":[]}]`, string(currencies))
	require.Equal(t, event.ClosedPoints{Earned: 174 - 17 + 0, Redeemed: 40}, c.Points)
	require.Zero(t, c.Late.Count)
	require.Empty(t, c.MissingTerminalSeq)

	again := shop.till.askToClose(key)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Equal(t, string(r.Body), string(again.Body))
	require.Equal(t, 201, again.Status)
	require.Equal(t, string(r.Body), string(shop.till.do("GET", "/closings/1", "").Body))
	shop.till.sell(key, `{"currency":"INR","total":"7"}`) // the keys of closings are apart from those of records
	said, err := sub.NextMsg(soon)
	require.NoError(t, err)
	require.Equal(t, string(r.Body), string(said.Data))
	require.Equal(t, "t1/1/closed", said.Header.Get("ce-id"))
	require.Equal(t, 1, query[int](shop, "SELECT count(*)::int FROM audit.closing"))
}

func TestAClosingOfNothingIsOne(t *testing.T) {
	shop := setup(t)
	c := shop.till.closed()
	require.Equal(t, []any{uint64(1), uint64(1), uint64(0), noHash}, []any{c.ClosingNumber, c.FromNumber, c.ToNumber, c.HeadHash.Hex()})
	require.Equal(t, c.ClosedAt, c.OpenedAt)
	require.Contains(t, string(shop.till.do("GET", "/closings/1", "").Body), `"currencies":[],`)
	_, sold := shop.till.sell(newKey(), tea)
	full, empty := shop.till.closed(), shop.till.closed()
	require.Equal(t, []uint64{2, 1, 1, 3, 2, 1}, []uint64{
		full.ClosingNumber, full.FromNumber, full.ToNumber, empty.ClosingNumber, empty.FromNumber, empty.ToNumber,
	})
	require.Equal(t, sold.Anchor.SaleHash, empty.HeadHash.Hex())
	require.Equal(t, c.ClosedAt, full.OpenedAt)
	require.Equal(t, full.ClosedAt, empty.OpenedAt)
	require.Greater(t, empty.ClosedAt, empty.OpenedAt)
}

// Sales keep coming while the till is closed again and again: each is in exactly one closing.
func TestEachRecordIsInOneClosingWhileSalesComeIn(t *testing.T) {
	shop := setup(t)
	second := shop.till.at(shop.addGateway())
	const sellers, each = 4, 40
	var selling sync.WaitGroup
	for n := range sellers {
		selling.Go(func() {
			by := []*till{shop.till, second}[n%2]
			for i := range each {
				body := fmt.Sprintf(`{"currency":"INR","total":"%d","terminal_seq":%d}`, 1+n, n*each+i)
				if r, err := by.insist(newKey(), body); err != nil || r.Status != 201 {
					t.Errorf("%v: %s", err, r.Body)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { selling.Wait(); close(over) }()
	var all []event.SalesClosed
	for last := false; !last; {
		select {
		case <-over:
			last = true
		default:
		}
		all = append(all, []*till{shop.till, second}[len(all)%2].closed())
	}
	next, net, sold := uint64(1), new(big.Rat), uint64(0)
	for i, c := range all {
		require.Equal(t, uint64(i+1), c.ClosingNumber)
		require.Equal(t, next, c.FromNumber)
		next = c.ToNumber + 1
		for _, one := range c.Currencies {
			amount, _ := new(big.Rat).SetString(one.Net)
			net.Add(net, amount)
			sold += one.Sales.Count
		}
		if i > 0 {
			require.Equal(t, all[i-1].ClosedAt, c.OpenedAt)
		}
	}
	require.Equal(t, uint64(sellers*each), next-1)
	require.Equal(t, uint64(sellers*each), sold)
	require.Equal(t, "400.00", net.FloatString(2))
	require.Equal(t, all[len(all)-1].HeadHash.Hex(), query[string](shop, "SELECT head_hash FROM audit.terminal WHERE terminal_id = 't1'"))
}

// What a closing covers is decided by numbers: a till's clock is only kept.
func TestAClosingGoesByNumbersAndNeverByTime(t *testing.T) {
	shop := setup(t)
	at := func(when time.Duration) string {
		return fmt.Sprintf(`{"currency":"INR","total":"1","occurred_at":%q}`, time.Now().Add(when).Format(time.RFC3339))
	}
	shop.till.sell(newKey(), at(-100*24*time.Hour))
	shop.till.sell(newKey(), at(365*24*time.Hour))
	first := shop.till.closed()
	require.Equal(t, uint64(2), first.Currencies[0].Sales.Count)
	require.Zero(t, first.Late.Count, "nothing was closed before")
	shop.till.batch(entry(newKey(), at(-time.Hour)), entry(newKey(), at(time.Hour)), entry(newKey(), at(-24*time.Hour))) // it was offline
	shop.till.sell(newKey(), tea)
	second := shop.till.closed()
	require.Equal(t, uint64(4), second.Currencies[0].Sales.Count)
	require.Equal(t, uint64(2), second.Late.Count)
	require.Equal(t, first.ToNumber+1, second.FromNumber)
}

func TestNumbersThatNeverArrivedAreNamed(t *testing.T) {
	shop := setup(t)
	sell := func(seqs ...int) {
		for _, seq := range seqs {
			shop.till.sell(newKey(), fmt.Sprintf(`{"currency":"INR","total":"1","terminal_seq":%d}`, seq))
		}
	}
	sell(1, 2, 5, 4, 9)
	require.Equal(t, [][2]int64{{3, 3}, {6, 8}}, shop.till.closed().MissingTerminalSeq)
	sell(3, 12) // late: 3 arrived after the closing
	require.Equal(t, [][2]int64{{6, 8}, {10, 11}}, shop.till.closed().MissingTerminalSeq, "4, 5 and 9 came in an earlier closing")
	sell(7, 8)
	require.Empty(t, shop.till.closed().MissingTerminalSeq)
	sell(13, 15)
	other := shop.newTill("s1", "t2")
	other.sell(newKey(), `{"currency":"INR","total":"1","terminal_seq":14}`)
	require.Equal(t, [][2]int64{{14, 14}}, shop.till.closed().MissingTerminalSeq, "another till's number is another number")
	require.Empty(t, shop.till.closed().MissingTerminalSeq)
}
