package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/testkit"
)

// A till that writes something new into the type of each tender makes a closing that NATS takes from nobody.
func TestAClosingThatIsTooLargeForNATSIsLeftOutAndHoldsUpNoOther(t *testing.T) {
	addr, adjust := measured(t)
	var log testkit.Log
	logged := func(cfg *ledger.Config) { cfg.Telemetry.LogOutput = &log }
	s := setup(t, quickly, adjust, logged)
	s.reads()
	s.stop()
	large := closingOf(1, noon)
	for n := range 20_000 {
		card := event.ClosedTender{Type: fmt.Sprintf("card, transaction 0000-%d", n), Count: 1, Amount: "1.00"}
		large.Currencies[0].Tenders = append(large.Currencies[0].Tenders, card)
	}
	s.store(large, closingOf(2, noon))
	tries := func() int { return s.count(`SELECT generation FROM ledger.reclose WHERE closing_number = 1`) }
	for lead := range 2 { // each leader tries it once: NATS may take larger messages by then
		s.start(quickly, adjust, logged)
		sound := s.close(3+lead, noon.Add(time.Duration(lead+1)*time.Hour))
		s.waitFor("the sound ones arrive", func() bool { return s.hasArrived(sound) && s.arrived() == 2+2*lead })
		s.waitFor("none is missing", func() bool { return scrape(t, addr)["tillseal_ledger_closings_missing"] == "0" })
		again := s.close(13+lead, noon.Add(time.Duration(lead+1)*time.Hour+time.Minute))
		s.waitFor("some ticks have passed", func() bool { return s.hasArrived(again) })
		require.Equal(t, lead+1, tries())
		require.Equal(t, lead+1, strings.Count(log.String(), "closing=t1/1 ")+strings.Count(log.String(), `"closing":"t1/1"`))
		require.Equal(t, "0", scrape(t, addr)[`tillseal_altered_total{what="closing"}`])
		s.stop()
	}
	require.NotContains(t, log.String(), "ALARM")
	require.NotContains(t, log.String(), "publishing again")
}
