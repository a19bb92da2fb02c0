package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestASaleIsAnsweredAsTheContractShowsIt(t *testing.T) {
	shop := setup(t)
	_, first := shop.till.sell(newKey(), `{"currency":"INR","total":"1000","customer_id":"C-1001","occurred_at":"2026-11-22T10:15:30+05:30","terminal_seq":1}`)
	require.Equal(t, int64(150), first.Loyalty.PointsBalance) // 100 and the bonus
	require.True(t, first.Loyalty.FirstPurchase)
	shop.till.sell(newKey(), `{"currency":"INR","total":"740.00","customer_id":"C-1001","terminal_seq":2}`)
	raw, second := shop.till.sell(newKey(), `{"kind":"sale","currency":"INR","total":"1249.50","customer_id":"C-1001","redeem_points":200,
		"lines":[{"sku":"TEA-250","name":"Assam tea","quantity":"2","unit_price":"499.75","discount":"0.00","tax":"250.00"}],
		"tenders":[{"type":"cash","amount":"1199.50"}],"terminal_seq":3}`)
	require.Equal(t, "application/json", raw.Header.Get("Content-Type"))
	require.Empty(t, raw.Header.Get("Idempotency-Replayed"))
	require.Equal(t, fmt.Sprintf(`{"sale_id":"%s","kind":"sale","store_id":"s1","terminal_id":"t1","recorded_at":"%s","currency":"INR","total":"1249.50",`+
		`"loyalty":{"customer_id":"C-1001","purchase_number":3,"first_purchase":false,"points_earned":119,"points_redeemed":200,"points_balance":143},`+
		`"record_number":3,"previous_hash":"%s","anchor":{"status":"pending","sale_hash":"%s","proof_url":"/sales/%s/proof"},"promise":"%s",`+
		`"receipt_url":"%s"}`,
		second.SaleID, second.RecordedAt, second.PreviousHash, second.Anchor.SaleHash, second.SaleID, second.Promise, second.ReceiptURL), string(raw.Body))
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, second.SaleID)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`, second.RecordedAt)
	require.Greater(t, second.RecordedAt, first.RecordedAt)

	guest, _ := shop.till.sell(newKey(), `{"currency":"JPY","total":"300"}`)
	require.Contains(t, string(guest.Body), `"total":"300","loyalty":null,`)
	require.Equal(t, 1, query[int](shop, "SELECT count(*)::int FROM audit.loyalty_account"))
}

func TestARetryGetsTheSameBytesWhateverRedisKnows(t *testing.T) {
	shop := setup(t)
	key := newKey()
	first, _ := shop.till.sell(key, tea)
	again := func() {
		t.Helper()
		for _, k := range []string{key, strings.ToUpper(key), `"` + key + `"`} {
			r, _ := shop.till.sell(k, ` { "customer_id":"C\u002d1001", "total" : "1249.50","currency":"INR"} `)
			require.Equal(t, string(first.Body), string(r.Body))
			require.Equal(t, "true", r.Header.Get("Idempotency-Replayed"))
		}
		refuses(t, shop.till.post(key, `{"currency":"INR","total":"1249.51","customer_id":"C-1001"}`), 422, refusal.KeyReused)
		require.Equal(t, 1, shop.sales())
	}
	again()
	shop.flushRedis()
	again()
	shop.redis.Kill()
	again()
	shop.till.sell(newKey(), tea) // and sales go on
	shop.till.sell(newKey(), tea)
}

func TestManyPostsOfOneKeyAreOneSale(t *testing.T) {
	shop := setup(t)
	other := shop.addGateway()
	for range 5 {
		before, key := shop.sales(), newKey()
		bodies := together(32, func(i int) reply {
			till := shop.till
			if i%2 == 1 {
				till = till.at(other)
			}
			r, err := till.insist(key, tea)
			if err != nil {
				t.Error(err)
			}
			return r
		})
		replayed := 0
		for _, r := range bodies {
			require.Equal(t, http.StatusCreated, r.Status, "%s", r.Body)
			require.Equal(t, string(bodies[0].Body), string(r.Body))
			if r.Header.Get("Idempotency-Replayed") == "true" {
				replayed++
			}
		}
		require.Equal(t, 31, replayed)
		require.Equal(t, before+1, shop.sales())
	}
}

// together runs do n times at once.
func together[T any](n int, do func(i int) T) []T {
	out := make([]T, n)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			out[i] = do(i)
		})
	}
	start.Done()
	done.Wait()
	return out
}

func TestSixtyFourClientsOnOneCustomerOnTwoGateways(t *testing.T) {
	shop := setup(t)
	other := shop.addGateway()
	const each = 4
	answers := together(64, func(i int) []answer {
		till := shop.till
		if i%2 == 1 {
			till = till.at(other)
		}
		var got []answer
		for range each {
			r, err := till.insist(newKey(), tea)
			if err != nil || r.Status != http.StatusCreated {
				t.Errorf("%v %d %s", err, r.Status, r.Body)
				return got
			}
			var a answer
			if err := json.Unmarshal(r.Body, &a); err != nil {
				t.Error(err)
			}
			got = append(got, a)
		}
		return got
	})
	seen := make(map[int64]answer)
	firsts := 0
	for _, some := range answers {
		for _, a := range some {
			seen[a.Loyalty.PurchaseNumber] = a
			if a.Loyalty.FirstPurchase {
				firsts++
			}
		}
	}
	require.Len(t, seen, 64*each)
	require.Equal(t, 1, firsts)
	var balance int64
	at := ""
	for n := int64(1); n <= 64*each; n++ {
		a, ok := seen[n]
		require.True(t, ok, "purchase %d is missing", n)
		balance += a.Loyalty.PointsEarned
		require.Equal(t, balance, a.Loyalty.PointsBalance)
		require.Greater(t, a.RecordedAt, at)
		at = a.RecordedAt
	}
	require.Equal(t, balance, query[int64](shop, "SELECT points_balance FROM audit.loyalty_account WHERE customer_id = 'C-1001' AND purchases = $1", 64*each))
	require.Equal(t, balance, query[int64](shop, "SELECT sum(points_delta)::bigint FROM audit.loyalty_entry WHERE customer_id = 'C-1001'"))
}

func TestRefundsClawBackExactlyWhatWasEarned(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), `{"currency":"INR","total":"5000","customer_id":"C-2"}`) // 550
	key := newKey()
	_, sold := shop.till.sell(key, `{"currency":"INR","total":"1000","customer_id":"C-2","redeem_points":100}`)
	require.Equal(t, int64(97), sold.Loyalty.PointsEarned) // 975 at 0.1, rounded down
	refund := `{"kind":"refund","refund_of":"` + sold.SaleID + `","currency":"INR","total":"333.33"}`
	var clawed, returned int64
	for range 2 {
		_, r := shop.till.sell(newKey(), refund)
		require.Equal(t, "refund", r.Kind)
		require.Zero(t, r.Loyalty.PurchaseNumber)
		require.False(t, r.Loyalty.FirstPurchase)
		clawed, returned = clawed-r.Loyalty.PointsEarned, returned-r.Loyalty.PointsRedeemed
	}
	_, last := shop.till.sell(newKey(), `{"kind":"refund","refund_of_key":"`+strings.ToUpper(key)+`","currency":"INR","total":"333.34"}`)
	require.Equal(t, int64(97), clawed-last.Loyalty.PointsEarned)
	require.Equal(t, int64(100), returned-last.Loyalty.PointsRedeemed)
	require.Equal(t, int64(550), last.Loyalty.PointsBalance)
	refuses(t, shop.till.post(newKey(), refund), 422, refusal.RefundExceeds)
	refuses(t, shop.till.post(newKey(), `{"kind":"refund","refund_of":"`+last.SaleID+`","currency":"INR","total":"1"}`), 422, refusal.InvalidRecord)
	_, next := shop.till.sell(newKey(), `{"currency":"INR","total":"10","customer_id":"C-2"}`)
	require.Equal(t, int64(3), next.Loyalty.PurchaseNumber)
}

func TestTwoGatewaysNeverRefundAGuestsSaleBeyondItsTotal(t *testing.T) {
	shop := setup(t)
	other := shop.addGateway()
	_, sold := shop.till.sell(newKey(), `{"currency":"INR","total":"10"}`)
	statuses := together(32, func(i int) int {
		till := shop.till
		if i%2 == 1 {
			till = till.at(other)
		}
		r, err := till.insist(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"INR","total":"1"}`)
		if err != nil {
			t.Error(err)
		}
		return r.Status
	})
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	require.Equal(t, map[int]int{201: 10, 422: 22}, count)
	require.Equal(t, "10.00", query[string](shop, "SELECT sum(total::numeric)::text FROM audit.sale WHERE refund_of = $1", sold.SaleID))
}

func TestARefusedRecordLeavesNothingBehindAndItsKeyFree(t *testing.T) {
	shop := setup(t)
	key := newKey()
	refuses(t, shop.till.post(key, `{"currency":"INR","total":"10","customer_id":"NEW","redeem_points":1}`), 422, refusal.FewPoints)
	require.Zero(t, query[int](shop, "SELECT count(*)::int FROM audit.loyalty_account"))
	_, sold := shop.till.sell(key, `{"currency":"INR","total":"10"}`)
	refuses(t, shop.till.post(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"INR","total":"10.01"}`), 422, refusal.RefundExceeds)
	require.Zero(t, query[int](shop, "SELECT count(*)::int FROM sales.refund_state"))
}

func TestASaleIsTold(t *testing.T) {
	shop := setup(t)
	trace := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	key := newKey()
	r := shop.till.do(http.MethodPost, "/record",
		`{"currency":"INR","total":"5.00","customer_id":"C-7","lines":[{"quantity":"1","unit_price":"5","sku":"A"}]}`, "Idempotency-Key", key, "traceparent", trace)
	sold := read[answer](t, r)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var msg *jetstream.RawStreamMsg
	testkit.Eventually(t, soon, "SaleRecorded is on the stream", func() error {
		s, err := shop.bus.JS.Stream(ctx, stream.SalesRecorded)
		if err == nil {
			msg, err = s.GetLastMsgForSubject(ctx, "sales.v1.recorded.s1")
		}
		return err
	})
	for header, want := range map[string]string{
		"ce-id": sold.SaleID + "/recorded", "ce-source": "tillseal/gateway", "ce-specversion": "1.0", "ce-type": "tillseal.sale.recorded.v1",
		"ce-subject": sold.SaleID, "content-type": "application/json", "traceparent": trace, "Nats-Msg-Id": sold.SaleID + "/recorded",
	} {
		require.Equal(t, []string{want}, msg.Header[header], header)
	}
	published, err := event.Decode[event.SaleRecorded](msg.Data)
	require.NoError(t, err)
	require.Equal(t, sold.Anchor.SaleHash, published.SaleHash.Hex())
	require.Equal(t, "5.00", published.Total)
	require.Equal(t, int64(50), published.PointsDelta)
	require.Equal(t, []event.Line{{SKU: "A", Quantity: "1", UnitPrice: "5"}}, published.Lines)
	require.NotContains(t, string(msg.Data), "salt")
}

func TestASaleIsReadByItsStoreWithItsAnchorAsItStands(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), tea)
	path := "/sales/" + sold.SaleID
	require.Equal(t, "unknown", read[answer](t, shop.till.do("GET", path, "")).Anchor.Status)
	refuses(t, shop.till.do("GET", path+"/proof", ""), 503, refusal.LedgerAway)

	mined := false
	conflict := func() error { return errNotMined }
	stop, err := ledger(shop, func() bool { return mined }, conflict)
	require.NoError(t, err)
	defer stop()
	got := shop.till.do("GET", path, "")
	require.Equal(t, 200, got.Status)
	require.Equal(t, "batched", read[answer](t, got).Anchor.Status)
	require.Equal(t, "12", read[answer](t, got).Anchor.BatchID)
	require.Equal(t, sold.Anchor.SaleHash, read[answer](t, got).Anchor.SaleHash)
	refuses(t, shop.till.do("GET", path+"/proof", ""), 409, refusal.NotAnchoredYet)
	mined = true
	proof := shop.till.do("GET", path+"/proof", "")
	require.Equal(t, 200, proof.Status)
	require.Equal(t, "7", read[event.Proof](t, proof).AmountWei)

	stranger := shop.newTill("s2", "t9")
	refuses(t, stranger.do("GET", path, ""), 404, refusal.NotFound)
	refuses(t, stranger.do("GET", path+"/proof", ""), 404, refusal.NotFound)
	refuses(t, stranger.post(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"INR","total":"1"}`), 404, refusal.NotFound)
	refuses(t, shop.till.do("GET", "/sales/nonsense", ""), 404, refusal.NotFound)
}

func TestAStopAnswersWhatWasAccepted(t *testing.T) {
	shop := setup(t)
	gate := shop.gates[0]
	var wg sync.WaitGroup
	var mu sync.Mutex
	answered := 0
	started := make(chan struct{}, 64)
	for range 16 {
		wg.Go(func() {
			for {
				r, err := shop.till.try(http.MethodPost, "/record", `{"currency":"INR","total":"1"}`, "Idempotency-Key", newKey())
				if err != nil || r.Status != http.StatusCreated {
					return // the door is shut
				}
				mu.Lock()
				answered++
				mu.Unlock()
				select {
				case started <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 64 {
		<-started
	}
	require.NoError(t, gate.stop())
	wg.Wait()
	require.Equal(t, answered, shop.sales(), "a record was committed and not answered")
	require.NotContains(t, gate.log.String(), `"level":"ERROR"`)
	testkit.Eventually(t, soon, "every sale was published", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s, err := shop.bus.JS.Stream(ctx, stream.SalesRecorded)
		if err != nil {
			return err
		}
		if published := s.CachedInfo().State.Msgs; published != uint64(answered+1) { // and the promises' key
			return fmt.Errorf("%d of %d", published, answered+1)
		}
		return nil
	})
}
