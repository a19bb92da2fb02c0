package gateway_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/testkit"
)

// closingOf is the answer to a closing that is asked for in the background.
func closingOf(t *till, key string) <-chan reply {
	got := make(chan reply, 1)
	go func() { got <- t.askToClose(key) }()
	return got
}

func TestNoRecordWaitsForAClosing(t *testing.T) {
	h := newHold()
	shop := setup(t, h.configure)
	shop.till.sell(newKey(), tea)
	closing := closingOf(shop.till, newKey())
	require.Equal(t, "t1/1", <-h.reached)
	require.Zero(t, query[int](shop, `SELECT count(*)::int FROM pg_stat_activity a JOIN pg_locks l USING (pid)
		WHERE a.usename = 'gateway' AND l.locktype <> 'virtualxid' AND a.datname = current_database()`), "nothing is locked meanwhile")
	shop.till.sell(newKey(), tea)
	_, landed := shop.till.batch(entry(newKey(), tea))
	require.Equal(t, 201, landed[0].Status)
	close(h.letGo)
	first := read[event.SalesClosed](t, <-closing)
	require.Equal(t, uint64(1), first.ToNumber, "what was recorded meanwhile belongs to the next one")
	second := shop.till.closed()
	require.Equal(t, []uint64{2, 3}, []uint64{second.FromNumber, second.ToNumber})
}

func TestOfTwoClosingsAtOnceEachRecordIsInOne(t *testing.T) {
	one, two := newHold(), newHold()
	shop := setup(t, one.configure)
	second := shop.till.at(shop.addGateway(two.configure))
	for range 3 {
		shop.till.sell(newKey(), tea)
	}
	first, later := closingOf(shop.till, newKey()), closingOf(second, newKey())
	require.Equal(t, "t1/1", <-one.reached)
	require.Equal(t, "t1/1", <-two.reached)
	close(one.letGo)
	a := read[event.SalesClosed](t, <-first)
	shop.till.sell(newKey(), tea)
	close(two.letGo)
	require.Equal(t, "t1/2", <-two.reached, "the second one starts over")
	b := read[event.SalesClosed](t, <-later)
	require.Equal(t, []uint64{1, 1, 3, 2, 4, 4}, []uint64{a.ClosingNumber, a.FromNumber, a.ToNumber, b.ClosingNumber, b.FromNumber, b.ToNumber})
	require.Equal(t, a.ClosedAt, b.OpenedAt)
}

func TestTheSameKeyAtOnceIsOneClosing(t *testing.T) {
	one, two := newHold(), newHold()
	shop := setup(t, one.configure)
	second := shop.till.at(shop.addGateway(two.configure))
	shop.till.sell(newKey(), tea)
	key := newKey()
	first, here, there := closingOf(shop.till, key), closingOf(shop.till, key), closingOf(second, key)
	<-one.reached
	<-one.reached
	<-two.reached
	close(one.letGo)
	close(two.letGo)
	all := []reply{<-first, <-here, <-there}
	replayed := 0
	for _, r := range all {
		require.Equal(t, 201, r.Status, "%s", r.Body)
		require.Equal(t, string(all[0].Body), string(r.Body))
		if r.Header.Get("Idempotency-Replayed") == "true" {
			replayed++
		}
	}
	require.Equal(t, 2, replayed)
	require.Equal(t, 1, query[int](shop, "SELECT count(*)::int FROM audit.closing"))
}

func TestTillsThatAreClosedAtTheSameHourAreAllClosed(t *testing.T) {
	h := newHold()
	shop := setup(t, h.configure)
	var asked []<-chan reply
	for n := range 12 {
		asked = append(asked, closingOf(shop.newTill("s1", fmt.Sprintf("hour-%d", n)), newKey()))
	}
	<-h.reached
	<-h.reached
	close(h.letGo)
	for _, one := range asked {
		r := <-one
		require.Equal(t, 201, r.Status, "%s", r.Body)
	}
}

func TestAClosingThatIsUnderWayIsAnsweredWhenTheGatewayStops(t *testing.T) {
	h := newHold()
	shop := setup(t, h.configure)
	closing := closingOf(shop.till, newKey())
	<-h.reached
	stopped := make(chan error, 1)
	go func() { stopped <- shop.gates[0].stop() }()
	eventually(t, "the gateway takes no more", func() error {
		if r, err := shop.till.try("GET", "/readyz", ""); err == nil && r.Status == 200 {
			return fmt.Errorf("%s", r.Body)
		}
		return nil
	})
	close(h.letGo)
	require.Equal(t, 201, (<-closing).Status)
	require.NoError(t, <-stopped)
}

func TestWithoutPostgresATillIsClosedLater(t *testing.T) {
	postgres := testkit.OwnPostgres(t)
	shop := open(t, testkit.Migrated(t, postgres))
	_, sold := shop.till.sell(newKey(), tea)
	key := newKey()
	require.NoError(t, postgres.Kill())
	refuses(t, shop.till.askToClose(key), 503, refusal.StoreUnavailable)
	require.NoError(t, postgres.Restart(t.Context()))
	_, c := shop.till.close(key)
	require.Equal(t, sold.Anchor.SaleHash, c.HeadHash.Hex())
	require.Equal(t, 1, query[int](shop, "SELECT count(*)::int FROM audit.closing"))
}

// What was changed behind the services' back is not added up as if nothing had happened.
func TestWhatWasChangedIsNotClosed(t *testing.T) {
	shop := setup(t)
	number := 0
	for what, sql := range map[string]string{
		"a record that is gone":     `DELETE FROM sales.sale WHERE terminal_id = $1 AND record_number = 2`,
		"the last one that is gone": `DELETE FROM sales.sale WHERE terminal_id = $1 AND record_number = 3`,
		"a head that is another":    `UPDATE sales.terminal_head SET head_hash = decode(repeat('11', 32), 'hex') WHERE terminal_id = $1`,
		"a request that is no JSON": `UPDATE sales.sale SET request = 'x' WHERE terminal_id = $1 AND record_number = 1`,
		"a total that is no amount": `UPDATE sales.sale SET total = '-1' WHERE terminal_id = $1 AND record_number = 1`,
		"a head that went back":     `INSERT INTO sales.closing VALUES ($1, 1, 's1', $1, gen_random_uuid(), 1, 9, 1, '{}')`,
	} {
		t.Run(what, func(t *testing.T) {
			number++
			name := fmt.Sprintf("altered-%d", number)
			till := shop.newTill("s1", name)
			for range 3 {
				till.sell(newKey(), tea)
			}
			shop.exec(sql, name)
			before := query[int](shop, "SELECT count(*)::int FROM audit.closing")
			refuses(t, till.askToClose(newKey()), 409, refusal.Altered)
			require.Contains(t, shop.gates[0].log.String(), name, "an operator must look")
			require.Equal(t, before, query[int](shop, "SELECT count(*)::int FROM audit.closing"))
		})
	}
}
