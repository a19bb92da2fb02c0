package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/testkit"
)

func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	testkit.Eventually(t, soon, what, check)
}

func TestPostgresAwayIsSaidAtOnceAndItsReturnIsSeen(t *testing.T) {
	postgres := testkit.OwnPostgres(t)
	shop := open(t, testkit.Migrated(t, postgres))
	first, _ := shop.till.sell(newKey(), tea)
	require.NotEmpty(t, first.Body)
	postgres.Kill()
	key := newKey()
	for range 5 {
		start := time.Now()
		refuses(t, shop.till.post(key, tea), 503, refusal.StoreUnavailable)
		require.Less(t, time.Since(start), time.Second+busyMachine)
	}
	refuses(t, shop.till.do("GET", "/readyz", ""), 503, refusal.StoreUnavailable)
	require.Equal(t, 200, shop.till.do("GET", "/healthz", "").Status)
	require.NoError(t, postgres.Restart(t.Context()))
	eventually(t, "sales are recorded again", func() error {
		if r := shop.till.post(key, tea); r.Status != http.StatusCreated {
			return fmt.Errorf("%d %s", r.Status, r.Body)
		}
		return nil
	})
	require.Equal(t, 2, shop.sales())
}

func TestAConnectionCutUnderAGroupCostsNoSaleAndDoublesNone(t *testing.T) {
	shop := setup(t)
	stop := make(chan struct{})
	cut := make(chan struct{})
	go func() { // an operator who restarts what should not be restarted
		defer close(cut)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				query[int](shop, `SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity WHERE usename = 'gateway' AND datname = current_database()`)
			}
		}
	}()
	keys := make([]string, 8*20)
	for i := range keys {
		keys[i] = newKey()
	}
	errs := together(8, func(i int) error {
		for _, key := range keys[20*i : 20*i+20] {
			for deadline := time.Now().Add(soon); ; {
				r, err := shop.till.try(http.MethodPost, "/record", tea, "Idempotency-Key", key)
				if err == nil && r.Status == http.StatusCreated {
					break
				}
				if err == nil && r.Status != http.StatusServiceUnavailable && r.Status != http.StatusConflict || time.Now().After(deadline) {
					return fmt.Errorf("%w %d %s", err, r.Status, r.Body)
				}
			}
		}
		return nil
	})
	close(stop)
	<-cut
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, len(keys), shop.sales())
	require.Equal(t, len(keys), query[int](shop, "SELECT purchases::int FROM audit.loyalty_account"))
}

func TestNATSAwayDelaysNoTill(t *testing.T) {
	shop := setup(t)
	shop.nats.Stop()
	_, sold := shop.till.sell(newKey(), tea)
	require.Equal(t, "unknown", read[answer](t, shop.till.do("GET", "/sales/"+sold.SaleID, "")).Anchor.Status)
	refuses(t, shop.till.do("GET", "/sales/"+sold.SaleID+"/proof", ""), 503, refusal.LedgerAway)
	require.NoError(t, shop.nats.Restart(t.Context()))
	eventually(t, "the sale is published once NATS is back", func() error {
		s, err := shop.bus.JS.Stream(t.Context(), "SALES_RECORDED")
		if err != nil {
			return err
		}
		_, err = s.GetLastMsgForSubject(t.Context(), "sales.v1.recorded.s1")
		return err
	})
}

func TestAFrozenRedisCostsLittleAndThenNothing(t *testing.T) {
	shop := setup(t)
	median := func() time.Duration {
		took := make([]time.Duration, 11)
		for i := range took {
			start := time.Now()
			shop.till.sell(newKey(), tea)
			took[i] = time.Since(start)
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	awake := median()
	require.NoError(t, syscall.Kill(shop.redis.Pid(), syscall.SIGSTOP))
	defer func() { _ = syscall.Kill(shop.redis.Pid(), syscall.SIGCONT) }()
	require.Less(t, median(), 500*time.Millisecond+20*awake, "a busy machine is busy before, too")
}

func TestAClaimOfAnotherGatewayIsWaitedForAndThenSaid(t *testing.T) {
	shop := setup(t)
	var key string
	var r reply
	eventually(t, "a claim is waited for", func() error { // a Redis that is slow is left alone
		key = newKey()
		shop.claim("t1", key, time.Minute)
		if r = shop.till.post(key, tea); r.Status == http.StatusCreated {
			return errors.New("recorded without Redis")
		}
		return nil
	})
	refuses(t, r, 409, refusal.InFlight)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	shop.flushRedis() // the claim ends
	first, _ := shop.till.sell(key, tea)
	shop.flushRedis()
	shop.claim("t1", key, time.Minute)
	again, _ := shop.till.sell(key, tea) // Postgres is read before any till is answered to wait
	require.Equal(t, first.Body, again.Body)
}

func TestAFrozenGatewayHoldsUpTheOthersForLessThanASecond(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), tea)
	release := shop.lockCustomer("C-1001", 250*time.Millisecond) // as a gateway frozen in its transaction does, until idle_in_transaction ends it
	defer release()
	start := time.Now()
	shop.till.sell(newKey(), tea)
	require.Less(t, time.Since(start), time.Second+busyMachine)
}

func TestReadsThatWaitAreNotTakenForAPostgresThatIsAway(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), tea)
	conn, err := pgx.Connect(t.Context(), shop.db.Admin)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK sales.loyalty_account")
	require.NoError(t, err)
	const guest = `{"currency":"INR","total":"10.00"}`
	const rounds = 5 // on a machine with too little to do it with, Postgres may be silent for a while indeed, but not each time
	var logged string
	for range rounds {
		before := len(shop.gates[0].log.String())
		together(40, func(i int) int {
			if i%8 == 0 {
				shop.till.at(shop.gates[0]).sell(newKey(), guest) // needs no account, and has a connection
				return 0
			}
			refuses(t, shop.till.do("GET", "/customers/C-1001/loyalty", ""), 503, refusal.StoreUnavailable)
			return 0
		})
		if logged = shop.gates[0].log.String()[before:]; !strings.Contains(logged, "Postgres is unavailable") {
			break
		}
	}
	require.NoError(t, tx.Rollback(t.Context()))
	require.NotContains(t, logged, "Postgres is unavailable")
	require.Equal(t, 200, shop.till.do("GET", "/customers/C-1001/loyalty", "").Status)
}

func TestABatchIsInOrderThoughAnotherGatewayHeldItsFirstKey(t *testing.T) {
	shop := setup(t)
	first, customer := newKey(), `{"currency":"INR","total":"100.00","customer_id":"C-batch"}`
	shop.claim("t1", first, 150*time.Millisecond) // of a gateway that died
	items := []string{
		fmt.Sprintf(`{"idempotency_key":%q,"record":%s}`, first, customer),
		fmt.Sprintf(`{"idempotency_key":%q,"record":{"kind":"refund","refund_of_key":%q,"currency":"INR","total":"40.00"}}`, newKey(), first),
		fmt.Sprintf(`{"idempotency_key":%q,"record":%s}`, newKey(), customer),
	}
	type item struct {
		Status int
		Body   struct {
			Loyalty struct {
				PurchaseNumber int `json:"purchase_number"`
			}
		}
	}
	answers := read[[]item](t, shop.till.do("POST", "/record/batch", "["+strings.Join(items, ",")+"]"))
	require.Equal(t, []int{201, 201, 201}, []int{answers[0].Status, answers[1].Status, answers[2].Status})
	require.Equal(t, 1, answers[0].Body.Loyalty.PurchaseNumber)
	require.Equal(t, 2, answers[2].Body.Loyalty.PurchaseNumber)
}
