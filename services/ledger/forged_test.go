package ledger_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// measured lets a ledger serve its metrics.
func measured(t *testing.T) (addr string, adjust func(*ledger.Config)) {
	addr = fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	return addr, func(cfg *ledger.Config) { cfg.Telemetry.MetricsAddr = addr }
}

// reasons are those for which the ledger parked messages of a stream, in the stream's order.
func (s *shop) reasons(streamName string) (reasons []string) {
	rows, err := s.ledger.Query(s.t.Context(), `SELECT reason FROM ledger.parked WHERE stream = $1 ORDER BY sequence`, streamName)
	require.NoError(s.t, err)
	defer rows.Close()
	for rows.Next() {
		var reason string
		require.NoError(s.t, rows.Scan(&reason))
		reasons = append(reasons, reason)
	}
	require.NoError(s.t, rows.Err())
	return reasons
}

// ofOneLeaf lets a SaleAnchored be of a batch of its own, with a proof that holds.
func ofOneLeaf(t *testing.T, e *event.SaleAnchored, hash common.Hash, wei *big.Int) {
	t.Helper()
	leaf, err := merkle.Leaf(hash, wei)
	require.NoError(t, err)
	e.SaleHash, e.AmountWei, e.Leaf, e.Root, e.Proof = hash, wei.String(), leaf, leaf, nil
}

func TestASaleAnchoredThatTheAnchorsJournalContradictsIsForged(t *testing.T) {
	addr, adjust := measured(t)
	s := setup(t, adjust)
	const metric = `tillseal_ledger_forged_total{what="sale_anchored"}`
	s.waitFor("the metrics are there before anything was forged", func() bool {
		found := scrape(t, addr)
		return found[metric] == "0" && found[`tillseal_ledger_forged_total{what="batch"}`] == "0"
	})
	b := s.sold(3)
	stranger := facts(9, noon)
	forge := map[string]func(*event.SaleAnchored){
		"an unknown sale": func(e *event.SaleAnchored) {
			e.SaleID = stranger.SaleID
			ofOneLeaf(t, e, stranger.Hash(), b.wei[0])
		},
		"another sale's proof": func(e *event.SaleAnchored) {
			other := b.anchored(1, 99)
			other.SaleID = e.SaleID
			*e = other
		},
		"another amount":     func(e *event.SaleAnchored) { ofOneLeaf(t, e, e.SaleHash, big.NewInt(7)) },
		"another root":       func(e *event.SaleAnchored) { ofOneLeaf(t, e, e.SaleHash, b.wei[0]) },
		"another batch":      func(e *event.SaleAnchored) { e.BatchID = 99999 },
		"another deployment": func(e *event.SaleAnchored) { e.Deployment++ },
		"another leaf index": func(e *event.SaleAnchored) { e.LeafIndex += 3 },
		"another store":      func(e *event.SaleAnchored) { e.StoreID = "s2" },
		"another chain":      func(e *event.SaleAnchored) { e.ChainID++ },
		"another contract":   func(e *event.SaleAnchored) { e.Contract = common.Address{7}.Hex() },
		"another tx":         func(e *event.SaleAnchored) { e.TxHash[0]++ },
		"another block":      func(e *event.SaleAnchored) { e.BlockNumber++ },
		"another block hash": func(e *event.SaleAnchored) { e.BlockHash[0]++ },
		"final too early":    func(e *event.SaleAnchored) { e.Finality = "finalized" },
	}
	generation := 0
	for _, spoil := range forge {
		e := b.anchored(0, 99)
		spoil(&e)
		generation++
		s.publish(event.Anchored(e, noon, generation))
	}
	s.waitFor("all are parked", func() bool { return len(s.reasons(stream.SalesAnchored)) == len(forge) })
	for _, reason := range s.reasons(stream.SalesAnchored) {
		require.Equal(t, "forged: the anchor's journal has no such sale_anchored", reason)
	}
	require.Zero(t, s.count(`SELECT count(*) FROM ledger.anchored`))
	require.Zero(t, s.count(`SELECT count(*) FROM ledger.held`), "the true one is still waited for")
	require.Equal(t, fmt.Sprint(len(forge)), scrape(t, addr)[metric])
	s.publish(event.Anchored(b.anchored(0, 99), noon, 1000))
	s.waitFor("the true one is written down", func() bool { return s.block(b.sales[0].SaleID) == 99 })
}

func TestABatchThatTheAnchorsJournalBeliesIsForged(t *testing.T) {
	s := setup(t)
	b := s.sold(2) // its third event is that it is mined
	id := b.sales[0].SaleID
	block, hash := uint64(99), blockHash
	mined := event.Batch{
		BatchID: b.id, Deployment: b.deployment, Root: b.tree.Root(), Size: 2, State: event.BatchMined, TxHash: &txHash, BlockNumber: &block, BlockHash: &hash,
		Sequence: 3, At: noon.Format(time.RFC3339),
	}
	other := common.Hash{9}
	forge := map[string]func(*event.Batch){
		"an unknown batch":   func(e *event.Batch) { e.BatchID, e.State, e.Sequence = 99999, event.BatchFinal, 9 },
		"final":              func(e *event.Batch) { e.State, e.Sequence = event.BatchFinal, 9 },
		"a later sequence":   func(e *event.Batch) { e.Sequence = 9 }, // after which no true event would be written down any more
		"final instead":      func(e *event.Batch) { e.State = event.BatchFinal },
		"another root":       func(e *event.Batch) { e.Root = other },
		"another size":       func(e *event.Batch) { e.Size++ },
		"another tx":         func(e *event.Batch) { e.TxHash = &other },
		"another block":      func(e *event.Batch) { e.BlockNumber = new(block + 1) },
		"another block hash": func(e *event.Batch) { e.BlockHash = &other },
		"a nonce":            func(e *event.Batch) { e.Nonce = new(uint64(7)) },
		"another deployment": func(e *event.Batch) { e.Deployment++ },
	}
	generation := 0
	for _, spoil := range forge {
		e := mined
		spoil(&e)
		generation++
		s.publish(event.BatchMovedAgain(e, generation))
	}
	s.waitFor("all are parked", func() bool { return len(s.reasons(stream.Batches)) == len(forge) })
	for _, reason := range s.reasons(stream.Batches) {
		require.Equal(t, "forged: the anchor's journal has no such batch", reason)
	}
	require.Equal(t, 1, s.count(`SELECT count(*) FROM ledger.batch`))
	require.Equal(t, "mined", s.status(id).Status)
}

func TestWhatIsNotInItsCanonicalFormIsNotWrittenDown(t *testing.T) {
	s := setup(t)
	b := s.sold(2)
	e := b.anchored(0, 99)
	written, err := json.Marshal(e)
	require.NoError(t, err)
	for was, forms := range map[string][]string{
		`"` + e.AmountWei + `"`:      {`"00` + e.AmountWei + `"`, `"+` + e.AmountWei + `"`, `" ` + e.AmountWei + `"`, `"0x7"`, `"-0"`, `"0"`, `"7e1"`, `"1_0"`, `""`},
		`"` + e.SaleHash.Hex() + `"`: {`"0x` + strings.ToUpper(e.SaleHash.Hex()[2:]) + `"`, `"0X` + e.SaleHash.Hex()[2:] + `"`},
		`"` + e.Root.Hex() + `"`:     {`"0x` + strings.ToUpper(e.Root.Hex()[2:]) + `"`},
		`"` + e.Proof[0].Hex() + `"`: {`"0x` + strings.ToUpper(e.Proof[0].Hex()[2:]) + `"`},
		`"` + e.Contract + `"`:       {`"` + strings.ToLower(e.Contract) + `"`, `"` + e.Contract[2:] + `"`},
		`"` + e.SaleID + `"`:         {`"` + strings.ToUpper(e.SaleID) + `"`, `"{` + e.SaleID + `}"`, `"urn:uuid:` + e.SaleID + `"`},
	} {
		for _, form := range forms {
			before := len(s.reasons(stream.SalesAnchored))
			msg := event.Anchored(e, noon, 0)
			msg.Data = bytes.Replace(written, []byte(was), []byte(form), 1)
			require.NotEqual(t, written, msg.Data, form)
			msg.Header[nats.MsgIdHdr] = []string{form}
			s.publish(msg)
			s.waitFor(form+" is parked", func() bool { return len(s.reasons(stream.SalesAnchored)) == before+1 })
		}
	}
	require.Zero(t, s.count(`SELECT count(*) FROM ledger.anchored`))
}

func TestAForgedMessageHoldsNoSaleBackAndStaysListed(t *testing.T) {
	s := setup(t)
	var sold []event.SaleRecorded
	now := time.Now() // so recent that none is repaired before what is parked is read
	for n := range 5 {
		sold = append(sold, recorded(s.sell(1+n, now.Add(time.Duration(n)*time.Millisecond))))
	}
	s.stop()
	hash, total, forged := sold[0], sold[1], sold[2]
	hash.SaleHash[0]++
	total.Total = "0.01"
	for sequence, body := range []any{hash, total, forged, "tea", sold[4]} {
		data, err := json.Marshal(body)
		require.NoError(t, err)
		s.publish(event.ParkedBy(event.Parked{
			Service: "anchor", Reason: "whatever", Stream: stream.SalesPriced, Sequence: uint64(sequence), SaleID: sold[sequence].SaleID, Data: data,
			Forged: sequence == 2, At: noon.Format(time.RFC3339),
		}, time.Time{}))
	}
	p := s.run(lose)
	s.start()
	s.waitFor("all are listed", func() bool { return s.parked(nil).Total == 5 })
	for i, e := range s.parked(nil).Parked {
		require.Equal(t, i == 4, e.Holds, "%d", i)
	}
	s.stop()
	s.start(quickly)
	for i := range 4 {
		s.waitFor("the true sale is repaired", func() bool { return len(p.of(sold[i].SaleID)) > 0 })
	}
	require.Empty(t, p.of(sold[4].SaleID), "a service parked it, unchanged")
}

func TestASaleWhoseRowWasAlteredIsPublishedByNobody(t *testing.T) {
	addr, adjust := measured(t)
	var log testkit.Log
	const metric = `tillseal_altered_total{what="sale"}`
	s := setup(t, quickly, adjust, func(cfg *ledger.Config) { cfg.Telemetry.LogOutput = &log })
	require.Equal(t, "0", scrape(t, addr)[metric])
	s.stop()
	for n, column := range []string{
		"total = '1.00'", "customer_id = NULL", "request = request || ' '", "salt = sale_hash", "purchase_number = 7",
		"store_id = 's2'",
	} {
		altered := s.sell(1+n, noon)
		s.exec(s.admin, `UPDATE sales.sale SET `+column+` WHERE sale_id = $1`, altered.SaleID)
	}
	sound := s.sell(9, noon.Add(time.Second))
	p := s.run(lose)
	s.start(quickly, adjust, func(cfg *ledger.Config) { cfg.Telemetry.LogOutput = &log })
	s.waitFor("the sound one is repaired twice", func() bool { return len(p.of(sound.SaleID)) > 1 })
	list := s.parked(map[string]any{"service": "ledger"})
	require.Equal(t, 6, list.Total)
	for _, e := range list.Parked {
		require.True(t, e.Holds)
		require.Contains(t, e.Reason, "altered: ")
		require.Empty(t, p.of(e.SaleID))
		require.Contains(t, log.String(), `"sale_id":"`+e.SaleID+`"`)
	}
	require.Contains(t, log.String(), "ALARM: a sale's row")
	require.NotContains(t, log.String(), "C-1001")
	require.Equal(t, "6", scrape(t, addr)[metric], "counted once")

	id := facts(1, noon).SaleID
	_, err := s.replay(map[string]string{"sale_id": id})
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.ErrorContains(t, err, "altered: ")
	replayed, err := s.replay(map[string]string{"currency": "INR"})
	require.NoError(t, err)
	require.Zero(t, replayed)
	require.Equal(t, 6, s.parked(nil).Total)
	require.Empty(t, p.of(id))

	s.exec(s.admin, `UPDATE sales.sale SET total = '1249.50' WHERE sale_id = $1`, id)
	replayed, err = s.replay(map[string]string{"sale_id": id})
	require.NoError(t, err)
	require.Equal(t, 1, replayed, "once the row is restored")
	s.waitFor("it reaches pricing", func() bool { return len(p.of(id)) > 0 })
}

func TestAnAlteredSaleAmongOthersIsParkedAgainInsteadOfReplayed(t *testing.T) {
	s := setup(t)
	s.park(7, facts(1, noon), facts(2, noon)) // before the reconciler can see the sales
	altered, sound := s.sell(1, noon), s.sell(2, noon)
	p := s.run(lose)
	s.exec(s.admin, `UPDATE sales.sale SET points_balance = 5000 WHERE sale_id = $1`, altered.SaleID)
	got, err := stream.Ask[struct{ Replayed, Altered int }](t.Context(), s.bus, "ops.ledger.parked.replay", map[string]string{"currency": "INR"})
	require.NoError(t, err)
	require.Equal(t, struct{ Replayed, Altered int }{1, 1}, got)
	s.waitFor("the sound one reaches pricing", func() bool { return len(p.of(sound.SaleID)) > 0 })
	require.Empty(t, p.of(altered.SaleID))
	list := s.parked(nil)
	require.Equal(t, 1, list.Total)
	require.Equal(t, altered.SaleID, list.Parked[0].SaleID)
	require.Contains(t, list.Parked[0].Reason, "altered: ")
}
