package ledger_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

// REPAIR_AFTER is ten minutes here: an edit does not wait for it.
func TestAStreamThatSomebodyEditedIsPutBackAndCounted(t *testing.T) {
	addr, metrics := measured(t)
	s := setup(t, metrics)
	for _, topology := range stream.Topologies(1, 1) {
		require.Equal(t, "0", scrape(t, addr)[`tillseal_ledger_config_restored_total{stream="`+topology.Stream.Name+`"}`], "from the first scrape on")
	}
	config := func() jetstream.StreamConfig {
		found, err := s.bus.JS.Stream(t.Context(), stream.SalesRecorded)
		require.NoError(t, err)
		return found.CachedInfo().Config
	}
	edited := config()
	edited.MaxMsgs = 1
	_, err := s.bus.JS.UpdateStream(t.Context(), edited)
	require.NoError(t, err)
	s.waitFor("the stream is as it was", func() bool { return config().MaxMsgs == -1 })
	s.waitFor("that is counted", func() bool {
		return scrape(t, addr)[`tillseal_ledger_config_restored_total{stream="`+stream.SalesRecorded+`"}`] == "1"
	})
}

func TestSalesThatAnEditedStreamDroppedAreRepaired(t *testing.T) {
	s := setup(t, quickly)
	found, err := s.bus.JS.Stream(t.Context(), stream.SalesRecorded)
	require.NoError(t, err)
	edited := found.CachedInfo().Config
	edited.MaxMsgs = 1
	_, err = s.bus.JS.UpdateStream(t.Context(), edited)
	require.NoError(t, err)
	var lost []string
	for n := range 5 { // nobody reads yet: all but the newest are dropped, if the stream was not put back before
		facts := s.sell(n+1, time.Now())
		require.NoError(t, s.bus.PublishAll(t.Context(), []*nats.Msg{event.Recorded(event.SaleRecorded{SaleID: facts.SaleID, StoreID: "s1"}, "gateway", 0, "")}))
		lost = append(lost, facts.SaleID)
	}
	p := s.run(lose)
	s.waitFor("each reaches pricing", func() bool {
		for _, id := range lost {
			if len(p.of(id)) == 0 {
				return false
			}
		}
		return true
	})
}
