package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/shared/event"
)

// Characters that JSON writers like to escape make a record longer on its way than it was when it was sent.
func TestTheLargestRecordIsPublishedWhateverIsInIt(t *testing.T) {
	shop := setup(t)
	sub, err := shop.bus.Conn.SubscribeSync(event.SubjectRecorded + ".s1")
	require.NoError(t, err)
	for _, character := range []string{"<", "&", "\u2028", `\"`, "\U0001F375", `\uD83C\uDF75`} {
		name := strings.Repeat(character, 200)
		line := fmt.Sprintf(`{"name":"%s","quantity":"1","unit_price":"1","taxes":[{"name":"%s","amount":"0"}]}`, name, name)
		lines := min(500, (record.MaxBytes-1000)/(len(line)+1))
		body := fmt.Sprintf(`{"currency":"INR","total":"%d","lines":[%s],"metadata":{`, lines, strings.Repeat(","+line, lines)[1:])
		for n := range 19 {
			if member := fmt.Sprintf(`"m%d":"%s",`, n, strings.Repeat(character, 500)); len(body)+len(member)+2 < record.MaxBytes {
				body += member
			}
		}
		body += `"n":""}}`
		require.Less(t, len(body), record.MaxBytes)
		require.Greater(t, len(body), record.MaxBytes/2)
		_, sold := shop.till.sell(newKey(), body)
		msg, err := sub.NextMsg(soon)
		require.NoError(t, err, character)
		e, err := event.Decode[event.SaleRecorded](msg.Data)
		require.NoError(t, err)
		require.Equal(t, sold.SaleID, e.SaleID)
		require.Len(t, e.Lines, lines)
		limit := int(shop.bus.Conn.MaxPayload())
		require.Less(t, msg.Size(), limit*3/4, "its price, which is longer, fits too")
	}
}
