package event_test

import (
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
)

func TestALogQueryIsReadAsItIsWritten(t *testing.T) {
	const checksummed = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
	address := common.HexToAddress(checksummed)
	for _, c := range []struct {
		q    event.LogQuery
		want event.LogAsked
	}{
		{event.LogQuery{}, event.LogAsked{}},
		{event.LogQuery{BatchID: "0", Size: "0"}, event.LogAsked{BatchID: new(uint64(0)), Size: new(uint64(0))}},
		{event.LogQuery{BatchID: "12", Size: "18446744073709551615"}, event.LogAsked{BatchID: new(uint64(12)), Size: new(uint64(1<<64 - 1))}},
		{event.LogQuery{Contract: checksummed}, event.LogAsked{Contract: &address}},
		{event.LogQuery{Contract: strings.ToLower(checksummed)}, event.LogAsked{Contract: &address}},
		{event.LogQuery{Contract: "0x0000000000000000000000000000000000000001"}, event.LogAsked{Contract: &common.Address{19: 1}}},
	} {
		got, err := c.q.Parse()
		require.NoError(t, err, "%+v", c.q)
		require.Equal(t, c.want, got)
	}
	refused := func(q event.LogQuery, member string) {
		t.Helper()
		_, err := q.Parse()
		require.True(t, fault.Is(err, fault.Invalid), "%+v", q)
		require.ErrorContains(t, err, member+" must be")
	}
	for _, text := range []string{"x", "-1", "+1", "01", "00", "1.0", "1e3", " 1", "1 ", "0x1", "1_000", "١", "18446744073709551616"} {
		refused(event.LogQuery{BatchID: text}, "batch_id")
		refused(event.LogQuery{Size: text}, "size")
	}
	for _, text := range []string{
		"x", "0x", checksummed[2:], checksummed + "0", checksummed[:41], strings.Replace(checksummed, "F", "f", 1), strings.ToUpper(checksummed),
		"0x" + strings.ToUpper(checksummed[2:]), strings.Replace(checksummed, "0x", "0X", 1), checksummed + " ", "0x" + strings.Repeat("g", 40),
	} {
		refused(event.LogQuery{Contract: text}, "contract")
	}
}
