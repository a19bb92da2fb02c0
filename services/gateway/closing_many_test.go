package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// manyRecords makes records as a till would leave them, all at once: sales of one line with a tax and a tender, every tenth one a refund, with
// numbers of the till's own from 1 on.
const manyRecords = `INSERT INTO sales.sale (sale_id, kind, refund_of, store_id, terminal_id, chain, record_number, previous_hash, idempotency_key,
		terminal_seq, currency, total, total_minor, points_earned, points_redeemed, points_delta, points_balance, purchase_number, occurred_at,
		recorded_at_us, request, fingerprint, salt, sale_hash, receipt_token, answer)
	SELECT gen_random_uuid(), CASE WHEN n % 10 = 0 THEN 'refund' ELSE 'sale' END, CASE WHEN n % 10 = 0 THEN (SELECT sale_id FROM sales.sale LIMIT 1) END,
		's1', $1, $1, h.records + n, h.head_hash, gen_random_uuid(), n, 'INR', '1249.50', 124950, 0, 0, 0, 0, 0, '2026-11-22T10:15:30+05:30',
		1795322731123456 + n,
		convert_to(format('{"kind":"sale","currency":"INR","total":"1249.50","customer_id":"C-1001","lines":[{"sku":"TEA-250","name":"Assam tea%s",'
			|| '"quantity":"2","unit_price":"499.75","discount":"0.00","tax":"250.00"}],"tenders":[{"type":"cash","amount":"1249.50"}],'
			|| '"occurred_at":"2026-11-22T10:15:30+05:30","terminal_seq":%s}', repeat('!', $3), n), 'UTF8'),
		decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), decode(repeat('22', 32), 'hex'), 'x', convert_to(repeat('answer ', 100), 'UTF8')
	FROM sales.terminal_head h, generate_series(1, $2::bigint) n WHERE h.terminal_id = $1`

// leave makes n records of a till, each request with so many characters more.
func (s *shop) leave(terminal string, n, more int) {
	s.t.Helper()
	s.exec(manyRecords, terminal, n, more)
	s.exec(`UPDATE sales.terminal_head SET records = records + $2, head_hash = decode(repeat('22', 32), 'hex') WHERE terminal_id = $1`, terminal, n)
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
