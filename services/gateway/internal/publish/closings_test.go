package publish_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/publish"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// A till that writes something new into the type of each tender makes a closing that NATS takes from nobody.
func TestAClosingThatIsTooLargeForNATSHoldsUpNoOther(t *testing.T) {
	bus, err := stream.Connect("tool", stream.Config{URL: config.Secret(testkit.NATS(t).URL()), PeakSalesPerSecond: 1}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer bus.Close()
	require.NoError(t, bus.Ensure(t.Context()))
	sub, err := bus.Conn.SubscribeSync(event.SubjectClosed + ".s1")
	require.NoError(t, err)
	require.NoError(t, bus.Conn.Flush())
	var log bytes.Buffer
	p := publish.NewClosings(t.Context(), bus, slog.New(slog.NewTextHandler(&log, nil)))
	tenders := make([]event.ClosedTender, 20_000)
	for i := range tenders {
		tenders[i] = event.ClosedTender{Type: fmt.Sprintf("card, transaction 0000-%d", i), Count: 1, Amount: "1.00"}
	}
	p.Publish(event.SalesClosed{StoreID: "s1", TerminalID: "t1", ClosingNumber: 1, Currencies: []event.ClosedCurrency{{Tenders: tenders}}}, "")
	p.Publish(event.SalesClosed{StoreID: "s1", TerminalID: "t2", ClosingNumber: 1}, "")
	said, err := sub.NextMsg(time.Minute)
	require.NoError(t, err)
	require.Equal(t, "t2/1", event.SubjectOf(said.Header))
	p.Close()
	require.Contains(t, log.String(), "closing=t1/1")
}
