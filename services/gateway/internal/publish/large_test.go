package publish_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/publish"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// connected returns a NATS with its streams and the next messages of a subject.
func connected(t *testing.T, subject string) (bus *stream.Bus, next func() string) {
	bus, err := stream.Connect("tool", stream.Config{URL: config.Secret(testkit.NATS(t).URL()), PeakSalesPerSecond: 1}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(bus.Close)
	require.NoError(t, bus.Ensure(t.Context()))
	sub, err := bus.Conn.SubscribeSync(subject)
	require.NoError(t, err)
	require.NoError(t, bus.Conn.Flush())
	return bus, func() string {
		said, err := sub.NextMsg(time.Minute)
		require.NoError(t, err)
		return event.SubjectOf(said.Header)
	}
}

// A till that writes something new into the type of each tender makes a closing that NATS takes from nobody.
func TestAClosingThatIsTooLargeForNATSHoldsUpNoOther(t *testing.T) {
	bus, next := connected(t, event.SubjectClosed+".s1")
	var log testkit.Log
	p := publish.NewClosings(t.Context(), bus, slog.New(slog.NewTextHandler(&log, nil)))
	tenders := make([]event.ClosedTender, 20_000)
	for i := range tenders {
		tenders[i] = event.ClosedTender{Type: fmt.Sprintf("card, transaction 0000-%d", i), Count: 1, Amount: "1.00"}
	}
	p.Publish(event.SalesClosed{StoreID: "s1", TerminalID: "t1", ClosingNumber: 1, Currencies: []event.ClosedCurrency{{Tenders: tenders}}}, "")
	p.Publish(event.SalesClosed{StoreID: "s1", TerminalID: "t2", ClosingNumber: 1}, "")
	require.Equal(t, "t2/1", next())
	p.Close()
	require.Contains(t, log.String(), "closing=t1/1")
}

func TestASaleThatIsTooLargeForNATSHoldsUpNoOther(t *testing.T) {
	bus, next := connected(t, event.SubjectRecorded+".s1")
	var log testkit.Log
	p := publish.New(t.Context(), bus, slog.New(slog.NewTextHandler(&log, nil)), func() {})
	large := event.Sent{ExternalRef: strings.Repeat("n", 1<<20)}
	for range 3 { // first of its batch and among others
		p.Publish(publish.Sold{Sale: sale.Sale{StoreID: "s1", SaleID: "large"}, Sent: large})
		p.Publish(publish.Sold{Sale: sale.Sale{StoreID: "s1", SaleID: "small"}})
	}
	for range 3 {
		require.Equal(t, "small", next())
	}
	p.Close()
	require.Equal(t, 3, strings.Count(log.String(), "sale_id=large"))
	require.NotContains(t, log.String(), "publishing again")
}
