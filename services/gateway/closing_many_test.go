package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/testkit"
)

// leave makes n records as a till would leave them, all at once: sales of one line with a tax and a tender, every tenth one a return, with numbers of
// the till's own from 1 on. Each request has so many characters more.
func (s *shop) leave(terminal string, n, more int) {
	s.t.Helper()
	key, err := promise.LoadKey(s.keyFile)
	require.NoError(s.t, err)
	testkit.Records{Terminal: terminal, Count: n, Key: key, Request: func(number uint64) (sale.Kind, []byte) {
		seq, kind := number-1, sale.KindSale // the first is sold
		if seq%10 == 0 {
			kind = sale.KindRefund
		}
		return kind, fmt.Appendf(nil, `{"kind":%q,"currency":"INR","total":"1249.50","lines":[{"sku":"TEA-250","name":"Assam tea%s","quantity":"2",`+
			`"unit_price":"499.75","discount":"0.00","tax":"250.00"}],"tenders":[{"type":"cash","amount":"1249.50"}],`+
			`"occurred_at":"2026-11-22T10:15:30+05:30","terminal_seq":%d}`, kind, strings.Repeat("!", more), seq)
	}}.Leave(s.t, s.db.Admin)
}

func TestAClosingHasAsManyPagesAsItNeeds(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), tea)
	shop.leave("t1", 4500, 0)
	c := shop.till.closed()
	require.Equal(t, uint64(4501), c.ToNumber)
	require.Equal(t, uint64(4051), c.Currencies[0].Sales.Count)
	require.Equal(t, uint64(450), c.Currencies[0].Refunds.Count)
	require.Equal(t, "4499449.50", c.Currencies[0].Net)
	require.Equal(t, "900000.00", c.Currencies[0].Tax[0].Amount)
	require.Equal(t, uint64(4500), c.Currencies[0].Tenders[0].Count)

	large := shop.newTill("s1", "t2") // whose requests don't fit a page together
	large.sell(newKey(), tea)
	shop.leave("t2", 200, 60_000)
	require.Equal(t, "201169.50", large.closed().Currencies[0].Net)

	// The till's next numbers are far from each other, and all between them came before.
	shop.till.sell(newKey(), `{"currency":"INR","total":"1","terminal_seq":0}`)
	shop.till.sell(newKey(), `{"currency":"INR","total":"1","terminal_seq":4503}`)
	require.Equal(t, [][2]int64{{4501, 4502}}, shop.till.closed().MissingTerminalSeq)
}
