package engine_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/merkle"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// steal publishes with a service's own seed, as whoever stole it would.
func (s *shop) steal(service string, msgs ...*nats.Msg) {
	s.t.Helper()
	seed := filepath.Join(filepath.Dir(s.e.NKeyFile), service+".nk")
	bus, err := stream.Connect(service, stream.Config{URL: config.Secret(s.e.NATSURL), NKeyFile: seed, PeakSalesPerSecond: 100}, slog.New(slog.DiscardHandler))
	require.NoError(s.t, err)
	defer bus.Close()
	require.NoError(s.t, bus.PublishAll(s.t.Context(), msgs))
}

// requireForgeriesParked forges a message of each service whose words end on the chain or in the books, about sales that Postgres never
// saw: all of them are parked with an alarm, and none gets anywhere.
func (s *shop) requireForgeriesParked(dir string) {
	s.t.Helper()
	batches := s.audit("SELECT count(*)::text FROM audit.batch_leaf")
	recorded := event.SaleRecorded{
		SaleID: uuid.Must(uuid.NewV7()).String(), Kind: "sale", StoreID: "demo", TerminalID: "demo-till", Currency: "INR", Total: "1249.50",
		RecordedAt: "2026-11-22T04:45:31.123456Z", SaleHash: common.Hash{0xf0},
	}
	priced := event.SalePriced{
		SaleRecorded: recorded, AmountWei: "4913079001641901",
		Rate: &event.Rate{ID: "mine", Value: "254321.17", Currency: "INR", Tier: "live"},
	}
	priced.SaleID = uuid.Must(uuid.NewV7()).String()
	leaf, err := merkle.Leaf(recorded.SaleHash, common.Big1)
	require.NoError(s.t, err)
	anchored := event.SaleAnchored{
		SaleID: uuid.Must(uuid.NewV7()).String(), StoreID: "demo", SaleHash: recorded.SaleHash, AmountWei: "1", Leaf: leaf, Deployment: 1, BatchID: 1, Root: leaf,
		ChainID: 1337, Contract: common.Address{7}.Hex(), TxHash: common.Hash{8}, BlockNumber: 9, BlockHash: common.Hash{9}, Finality: "finalized",
	}
	block := uint64(9)
	batch := event.Batch{
		BatchID: 99999, Deployment: 1, Root: leaf, Size: 1, State: event.BatchFinal, TxHash: &anchored.TxHash, BlockNumber: &block, BlockHash: &anchored.BlockHash,
		Sequence: 99999, At: recorded.RecordedAt,
	}
	s.steal("gateway", event.Recorded(recorded, "gateway", 0, ""))
	s.steal("pricing", event.Priced(priced, time.Now(), 0, ""))
	s.steal("anchor", event.Anchored(anchored, time.Now(), 0), event.BatchMoved(batch))

	type entry struct {
		SaleID        string `json:"sale_id"`
		Service       string
		Stream, State string
		Reason        string
		Holds         bool
	}
	forged := make(map[string]entry) // by sale, or by stream
	testkit.Eventually(s.t, soon, "every forgery is parked", func() error {
		var list struct{ Parked []entry }
		s.ask("ops.ledger.parked.list", `{"limit":500}`, &list)
		for _, e := range list.Parked {
			if strings.HasPrefix(e.Reason, "forged: ") {
				forged[e.SaleID+e.Stream] = e
			}
		}
		if len(forged) != 4 {
			return fmt.Errorf("%v", list)
		}
		return nil
	})
	for _, key := range []string{
		recorded.SaleID + stream.SalesPriced, priced.SaleID + stream.SalesPriced, anchored.SaleID + stream.SalesAnchored,
		stream.Batches,
	} {
		require.Contains(s.t, forged, key)
		require.False(s.t, forged[key].Holds)
	}
	for _, service := range []string{"anchor", "ledger"} {
		text, err := os.ReadFile(filepath.Join(dir, "log", service+".log"))
		require.NoError(s.t, err)
		require.Contains(s.t, string(text), "ALARM: ", service)
	}
	require.Equal(s.t, batches, s.audit("SELECT count(*)::text FROM audit.batch_leaf"))
	require.Equal(s.t, "0", s.audit("SELECT count(*)::text FROM audit.anchored WHERE sale_id = '"+anchored.SaleID+"'"))
}
