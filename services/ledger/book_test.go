package ledger_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

// block is the block in which the ledger has a sale; 0 for none.
func (s *shop) block(id string) int {
	return s.count(`SELECT coalesce(max(block_number), 0)::int FROM ledger.anchored WHERE sale_id = $1`, id)
}

func TestASaleAnchoredTwiceHasOneRow(t *testing.T) {
	s := setup(t)
	b := s.sold(3)
	for i := range b.sales {
		s.publish(event.Anchored(b.anchored(i, 99), noon, 0), event.Anchored(b.anchored(i, 99), noon, 1))
	}
	s.drained(stream.SalesAnchored, stream.DurableLedger)
	require.Equal(t, 3, s.count(`SELECT count(*) FROM ledger.anchored`))
	var proof []byte
	require.NoError(t, s.ledger.QueryRow(t.Context(), `SELECT proof FROM ledger.anchored WHERE sale_id = $1`, b.sales[0].SaleID).Scan(&proof))
	require.Len(t, proof, 32*len(b.anchored(0, 99).Proof))
}

func TestAfterAReorgTheLaterWordStands(t *testing.T) {
	s := setup(t)
	b := s.sold(1)
	id := b.sales[0].SaleID
	s.publish(event.Anchored(b.anchored(0, 99), noon, 0))
	s.waitFor("the first word is kept", func() bool { return s.block(id) == 99 })
	b.minedAgain(98, 5) // in an earlier block
	s.publish(event.Anchored(b.anchored(0, 98), noon.Add(time.Second), 1))
	s.waitFor("the later word replaces it", func() bool { return s.block(id) == 98 })
	s.publish(event.Anchored(b.anchored(0, 99), noon, 2)) // the first announcement, delivered again
	s.drained(stream.SalesAnchored, stream.DurableLedger)
	require.Equal(t, 98, s.block(id))
}

// Whoever has the anchor's seed may write any time into a true announcement.
func TestTheTimeThatASenderWroteOrdersNothing(t *testing.T) {
	s := setup(t)
	b := s.sold(1)
	id := b.sales[0].SaleID
	farOff := time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	s.publish(event.Anchored(b.anchored(0, 99), farOff, 0))
	s.waitFor("it is written down", func() bool { return s.block(id) == 99 })
	require.Zero(t, s.count(`SELECT count(*) FROM ledger.anchored WHERE at > clock_timestamp()`))
	b.minedAgain(98, 5)
	s.publish(event.Anchored(b.anchored(0, 98), noon, 1))
	s.waitFor("the later word replaces it", func() bool { return s.block(id) == 98 })
	b.moved(event.BatchFinal, 9)
	final := b.anchored(0, 99)
	final.Finality = "finalized"
	s.publish(event.Anchored(final, noon, 2))
	firm := func() bool { return s.count(`SELECT count(*) FROM ledger.anchored WHERE finality = 'finalized'`) == 1 }
	s.waitFor("the last word is final", firm)
	s.publish(event.Anchored(b.anchored(0, 99), farOff, 3))
	s.drained(stream.SalesAnchored, stream.DurableLedger)
	require.True(t, firm(), "it stays so")
}

func TestANewDeploymentsWordStandsWhateverTheOldOneSays(t *testing.T) {
	s := setup(t)
	old := s.sold(1)
	id := old.sales[0].SaleID
	newer := s.seal(s.deploy(), 1, old.sales...)
	s.publish(event.Anchored(newer.anchored(0, 5), noon, 0))
	s.waitFor("the new deployment's word is kept", func() bool { return s.block(id) == 5 })
	s.publish(event.Anchored(old.anchored(0, 99), noon.Add(time.Hour), 1))
	s.drained(stream.SalesAnchored, stream.DurableLedger)
	require.Equal(t, 5, s.block(id))
	require.Equal(t, int(newer.deployment), s.count(`SELECT deployment FROM ledger.anchored`))
}

func TestOneBadMessageHarmsNoOther(t *testing.T) {
	s := setup(t)
	b := s.sold(3)
	s.stop()
	noSale, noFinality, noProof := b.anchored(0, 99), b.anchored(0, 99), b.anchored(0, 99)
	noSale.SaleID, noFinality.Finality, noProof.Root = "not a uuid", "maybe", txHash
	broken := nats.NewMsg("sales.v1.anchored.s1")
	broken.Data = []byte("tea")
	s.publish(event.Anchored(b.anchored(1, 99), noon, 0), event.Anchored(noSale, noon, 1), event.Anchored(noFinality, noon, 2),
		event.Anchored(noProof, noon, 3), broken, event.Anchored(b.anchored(2, 99), noon, 0))
	s.start()
	s.drained(stream.SalesAnchored, stream.DurableLedger)
	require.Equal(t, 2, s.count(`SELECT count(*) FROM ledger.anchored`))
	s.waitFor("four are parked", func() bool { return s.count(`SELECT count(*) FROM ledger.parked WHERE service = 'ledger'`) == 4 })
}

func TestABatchOnlyMovesForward(t *testing.T) {
	s := setup(t)
	b := s.sold(1)
	state := func() (state string) {
		require.NoError(t, s.ledger.QueryRow(t.Context(), `SELECT state FROM ledger.batch`).Scan(&state))
		return state
	}
	s.publish(b.moved(event.BatchBroadcast, 2), b.moved(event.BatchSealed, 1)) // late
	s.drained(stream.Batches, stream.DurableLedgerBatches)
	require.Equal(t, "mined", state())
	s.publish(b.moved(event.BatchReorged, 4), b.moved(event.BatchFinal, 6), b.moved(event.BatchMined, 5))
	s.drained(stream.Batches, stream.DurableLedgerBatches)
	require.Equal(t, "final", state())
	require.Equal(t, 1, s.count(`SELECT count(*) FROM ledger.batch`))
}

func TestABatchThatIsNoneIsParked(t *testing.T) {
	s := setup(t)
	b := s.sold(1)
	s.publish(event.BatchMoved(event.Batch{BatchID: 1, Deployment: b.deployment, Size: 1, State: event.BatchFinal, Sequence: 9, At: noon.Format(time.RFC3339)}))
	s.waitFor("it is parked", func() bool {
		return s.count(`SELECT count(*) FROM ledger.parked WHERE subject = 'batches.v1.final'`) == 1
	})
	require.Equal(t, "mined", s.status(b.sales[0].SaleID).Status)
}

func TestWhatAServiceParkedIsKept(t *testing.T) {
	s := setup(t)
	parked := event.Parked{
		Service: "pricing", Reason: "no tier has a rate for EUR\x00", Stream: stream.SalesRecorded, Sequence: 7, Subject: "sales.v1.recorded.s1",
		SaleID: "01935f0e-8a7b-7c3d-9e4f-000000000007", Data: []byte(`{"total":"5.00"}`), At: noon.Format(time.RFC3339Nano),
	}
	again := event.ParkedBy(parked, time.Time{})
	again.Header[nats.MsgIdHdr] = []string{"delivered again"}
	s.publish(event.ParkedBy(parked, time.Time{}), again)
	s.drained(stream.SalesDLQ, stream.DurableLedgerParked)
	require.Equal(t, 1, s.count(`SELECT count(*) FROM ledger.parked WHERE sale_id = $1 AND reason LIKE 'no tier%'`, parked.SaleID))
}

// random is text that doesn't compress: an index takes much of what does.
func random(chars int) (text string) {
	for len(text) < chars {
		text += rand.Text()
	}
	return text[:chars]
}

func TestAMessageInTheDLQThatIsNoneOfOursIsKeptAndGoesRoundNoMore(t *testing.T) {
	s := setup(t)
	for i, body := range []string{
		"tea", "{}", `{"service":"x","stream":"y","at":"` + strings.Repeat("z", 9) + `"}`,
		`{"service":"` + random(4000) + `","stream":"` + random(4000) + `","reason":"` + random(9000) + `"}`,
	} {
		msg := nats.NewMsg("sales.v1.dlq.somebody")
		msg.Data = []byte(body)
		s.publish(msg)
		s.waitFor("it is kept", func() bool { return s.count(`SELECT count(*) FROM ledger.parked`) == i+1 })
	}
	s.drained(stream.SalesDLQ, stream.DurableLedgerParked)
	str, err := s.bus.JS.Stream(t.Context(), stream.SalesDLQ)
	require.NoError(t, err)
	require.Equal(t, uint64(4), str.CachedInfo().State.Msgs)
}

func TestARestartedLedgerGoesOnWhereItWas(t *testing.T) {
	s := setup(t)
	b := s.sold(3)
	s.publish(event.Anchored(b.anchored(0, 99), noon, 0))
	s.drained(stream.SalesAnchored, stream.DurableLedger)
	s.stop()
	s.publish(event.Anchored(b.anchored(1, 99), noon, 0), event.Anchored(b.anchored(2, 99), noon, 0), b.moved(event.BatchFinal, 4))
	s.start()
	s.drained(stream.SalesAnchored, stream.DurableLedger)
	require.Equal(t, 3, s.count(`SELECT count(*) FROM ledger.anchored`))
	s.waitFor("the batch is final", func() bool { return s.status(b.sales[0].SaleID).Status == "final" })
}
