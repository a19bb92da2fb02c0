package gateway_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

// nextSeries begins a series at every terminal, as an operator does after a restore.
func (s *shop) nextSeries() {
	s.t.Helper()
	_, err := stream.Ask[map[string]any](s.t.Context(), s.bus, "ops.gateway.series.next", map[string]string{"by": "asha", "reason": "a test"})
	require.NoError(s.t, err)
}

// stored reads a closing of a chain as the till is shown it.
func (t *till) stored(chain string, n int) event.SalesClosed {
	t.t.Helper()
	c := read[event.SalesClosed](t.t, t.do("GET", fmt.Sprintf("/closings/%d?terminal_id=%s", n, chain), ""))
	t.promised(c)
	return c
}

// covers are the parts of a closing that say what it is of.
func covers(c event.SalesClosed) string {
	net := "0"
	if len(c.Currencies) > 0 {
		net = c.Currencies[0].Net
	}
	return fmt.Sprintf("%s of %q %d-%d %s", c.Name(), c.RecordsOf, c.FromNumber, c.ToNumber, net)
}

func (t *till) sellNumbered(seq int) answer {
	t.t.Helper()
	_, sold := t.sell(newKey(), fmt.Sprintf(`{"currency":"INR","total":"%d","terminal_seq":%d}`, seq, seq))
	return sold
}

func TestATillGoesOnInItsNextSeriesAndWhatItLeftOpenIsClosedThereToo(t *testing.T) {
	shop := setup(t)
	sub, err := shop.bus.Conn.SubscribeSync(event.SubjectClosed + ".s1")
	require.NoError(t, err)
	shop.till.sellNumbered(1)
	before := shop.till.closed()
	left := shop.till.sellNumbered(4)
	shop.nextSeries() // of which t1~2 gets no record
	shop.nextSeries()
	first, last := shop.till.sellNumbered(2), shop.till.sellNumbered(6)
	key := newKey()
	r, c := shop.till.close(key)
	require.Equal(t, `t1~3/2 of "" 1-2 8.00`, covers(c))
	require.Equal(t, last.Anchor.SaleHash, c.HeadHash.Hex())
	require.Equal(t, first.RecordedAt, c.OpenedAt, "nothing of this chain was closed before")
	require.Equal(t, [][2]int64{{3, 3}, {5, 5}}, c.MissingTerminalSeq, "4 arrived in an earlier series")
	old := shop.till.stored("t1~3", 1)
	require.Equal(t, `t1~3/1 of "t1" 2-2 4.00`, covers(old))
	require.Equal(t, left.Anchor.SaleHash, old.HeadHash.Hex())
	require.Equal(t, before.ClosedAt, old.OpenedAt)
	require.Greater(t, c.ClosedAt, old.ClosedAt)
	require.Contains(t, string(shop.till.do("GET", "/closings/1", "").Body), `"terminal_id":"t1~3","records_of":"t1","closing_number":1`)
	require.Equal(t, c, read[event.SalesClosed](t, shop.till.do("GET", "/closings/2", "")), "the present chain's")
	for _, none := range []string{"/closings/3", "/closings/2?terminal_id=t1", "/closings/1?terminal_id=t1~2"} {
		refuses(t, shop.till.do("GET", none, ""), 404, refusal.NotFound)
	}
	again := shop.till.askToClose(key)
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Equal(t, string(r.Body), string(again.Body))
	next := shop.till.closed()
	require.Equal(t, `t1~3/3 of "" 3-2 0`, covers(next))
	require.Equal(t, c.ClosedAt, next.OpenedAt)
	require.Equal(t, []string{"t1~3/3", "t1~3/2", "t1~3/1", "t1/1"}, shop.till.names(""))
	require.Equal(t, []string{"t1~3/3", "t1~3/2", "t1~3/1"}, shop.till.names("&terminal_id=t1~3"))
	for _, id := range []string{"t1/1/closed", "t1~3/1/closed", "t1~3/2/closed", "t1~3/3/closed"} {
		said, err := sub.NextMsg(soon)
		require.NoError(t, err)
		require.Equal(t, id, said.Header.Get("ce-id"))
	}
}

func TestEachEndedSeriesIsClosedOnItsOwnInTheirOrder(t *testing.T) {
	shop := setup(t)
	var firsts []answer
	for n := range 12 { // t1 to t1~12, which comes before t1~2 where names are sorted
		firsts = append(firsts, shop.till.sellNumbered(n+1))
		if n < 11 {
			shop.nextSeries()
		}
	}
	shop.till.closed()
	for n := range 12 {
		c, of := shop.till.stored("t1~12", n+1), ""
		switch {
		case n == 0:
			of = "t1"
		case n < 11:
			of = fmt.Sprintf("t1~%d", n+1)
		}
		require.Equal(t, fmt.Sprintf("t1~12/%d of %q 1-1 %d.00", n+1, of, n+1), covers(c))
		require.Equal(t, firsts[n].RecordedAt, c.OpenedAt, "the time of its first record")
	}
	require.Equal(t, uint64(13), shop.till.closed().ClosingNumber)
}

// A closing was given out and then lost with the rest of the day: its name is not signed a second time, whatever was sold in between.
func TestNoClosingsNameIsSignedTwiceAfterARestore(t *testing.T) {
	shop := setup(t)
	shop.till.sellNumbered(1)
	given := []event.SalesClosed{shop.till.closed()}
	shop.till.sellNumbered(2)
	given = append(given, shop.till.closed())
	keyOf := func(chain string) string {
		return query[string](shop, "SELECT idempotency_key::text FROM sales.closing WHERE records_of = 't1' AND chain = $1", chain)
	}

	shop.exec("DELETE FROM sales.closing WHERE chain = 't1' AND closing_number = 2")
	shop.nextSeries()
	shop.till.sellNumbered(3)
	given = append(given, shop.till.closed(), shop.till.stored("t1~2", 1))
	require.Equal(t, `t1~2/2 of "" 1-1 3.00`, covers(given[2]))
	require.Equal(t, `t1~2/1 of "t1" 2-2 2.00`, covers(given[3]))
	require.Equal(t, given[0].ClosedAt, given[3].OpenedAt)
	refuses(t, shop.till.do("GET", "/closings/2?terminal_id=t1", ""), 404, refusal.NotFound)
	made := keyOf("t1~2")
	require.Equal(t, "8", made[14:15], "a UUID v8, which no till may send")

	shop.exec("DELETE FROM sales.closing WHERE chain = 't1~2'") // and once more
	shop.nextSeries()
	given = append(given, shop.till.closed())
	require.Equal(t, `t1~3/3 of "" 1-0 0`, covers(given[4]))
	require.Equal(t, `t1~3/1 of "t1" 2-2 2.00`, covers(shop.till.stored("t1~3", 1)))
	require.Equal(t, `t1~3/2 of "t1~2" 1-1 3.00`, covers(shop.till.stored("t1~3", 2)))
	require.Equal(t, made, keyOf("t1~3"), "the same whoever makes it, and wherever")
	names := make(map[string]bool)
	for _, c := range append(given, shop.till.stored("t1~3", 1), shop.till.stored("t1~3", 2)) {
		require.False(t, names[c.Name()], c.Name())
		names[c.Name()] = true
	}
}

func TestOfTwoGatewaysThatCloseWhatASeriesLeftOneDoes(t *testing.T) {
	one, two := newHold(), newHold()
	shop := setup(t, one.configure)
	second := shop.till.at(shop.addGateway(two.configure))
	shop.till.sellNumbered(1)
	shop.nextSeries()
	shop.till.sellNumbered(2)
	first, later := closingOf(shop.till, newKey()), closingOf(second, newKey())
	require.Equal(t, "t1~2/1", <-one.reached)
	require.Equal(t, "t1~2/1", <-two.reached)
	close(one.letGo)
	require.Equal(t, `t1~2/2 of "" 1-1 2.00`, covers(read[event.SalesClosed](t, <-first)))
	close(two.letGo)
	require.Equal(t, `t1~2/3 of "" 2-1 0`, covers(read[event.SalesClosed](t, <-later)))
	require.Equal(t, `t1~2/1 of "t1" 1-1 1.00`, covers(shop.till.stored("t1~2", 1)))
	require.Equal(t, 3, query[int](shop, "SELECT count(*)::int FROM audit.closing"))
}

func TestASeriesThatBeginsWhileATillIsClosedTakesTheClosing(t *testing.T) {
	h := newHold()
	shop := setup(t, h.configure)
	shop.till.sellNumbered(1)
	closing := closingOf(shop.till, newKey())
	require.Equal(t, "t1/1", <-h.reached)
	shop.nextSeries()
	close(h.letGo)
	require.Equal(t, `t1~2/2 of "" 1-0 0`, covers(read[event.SalesClosed](t, <-closing)))
	require.Equal(t, []string{"t1~2/2", "t1~2/1"}, shop.till.names(""))
	require.Equal(t, `t1~2/1 of "t1" 1-1 1.00`, covers(shop.till.stored("t1~2", 1)))
}

// TestAClosingOfRecordsThatWereLostMeanwhileIsNotStored takes back what a restore takes back, while a closing of it waits to be stored.
func TestAClosingOfRecordsThatWereLostMeanwhileIsNotStored(t *testing.T) {
	h := newHold()
	shop := setup(t, h.configure)
	for n := range 3 {
		shop.till.sellNumbered(n + 1)
	}
	closing := closingOf(shop.till, newKey())
	require.Equal(t, "t1/1", <-h.reached)
	shop.exec(`DELETE FROM sales.sale WHERE chain = 't1' AND record_number > 1`)
	shop.exec(`UPDATE sales.terminal_head SET records = 1, head_hash = (SELECT sale_hash FROM sales.sale WHERE chain = 't1') WHERE terminal_id = 't1'`)
	for n := range 3 {
		shop.till.sellNumbered(n + 5)
	}
	close(h.letGo)
	require.Equal(t, `t1/1 of "" 1-4 19.00`, covers(read[event.SalesClosed](t, <-closing)), "as many as before, and others")
	shop.till.sellNumbered(8)
	require.Equal(t, `t1/2 of "" 5-5 8.00`, covers(shop.till.closed()))
}

// Whatever a gateway has read, Postgres keeps a record out of a second closing.
func TestNoRecordIsInTwoClosingsInWhicheverName(t *testing.T) {
	shop := setup(t)
	shop.till.sellNumbered(1)
	shop.nextSeries()
	shop.till.closed()
	admin, err := pgx.Connect(t.Context(), shop.db.Admin)
	require.NoError(t, err)
	defer admin.Close(context.Background())
	for refusal, sql := range map[string]string{
		"closing_of_records": `INSERT INTO sales.closing VALUES ('t1', 1, 's1', 't1', gen_random_uuid(), 1, 1, 1, '{}')`,
		"closing_records_of": `INSERT INTO sales.closing VALUES ('t1', 1, 's1', 't1', gen_random_uuid(), 2, 2, 1, '{}', 't2')`,
	} {
		_, err := admin.Exec(t.Context(), sql)
		require.ErrorContains(t, err, refusal)
	}
}
