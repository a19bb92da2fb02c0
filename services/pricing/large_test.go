package pricing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestASaleWhosePriceIsTooLargeForNATSIsParkedAndBlocksNobody(t *testing.T) {
	s := setup(t, "INR=254321.17")
	large := sold(1, "INR", "1.00")
	limit := int(s.bus.Conn.MaxPayload())
	large.ExternalRef = strings.Repeat("n", limit-recorded(large).Size()-len(`,"external_ref":""`)) // what was received just fits
	require.Equal(t, limit, recorded(large).Size())
	s.record(recorded(large), recorded(sold(2, "INR", "1.00")))
	require.Equal(t, sold(2, "INR", "1.00").SaleID, decode[event.SalePriced](t, s.read(stream.SalesPriced, 1)[0].Data).SaleID)
	parked := decode[event.Parked](t, s.read(stream.SalesDLQ, 1)[0].Data)
	require.Equal(t, large.SaleID, parked.SaleID)
	require.Contains(t, parked.Reason, fmt.Sprintf("and NATS takes %d", limit))
	s.settled()
	s.read(stream.SalesPriced, 1)
}
