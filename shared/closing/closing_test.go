package closing_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/closing"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/sale"
)

// at is a moment in Unix microseconds.
func at(t testing.TB, text string) int64 {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, text)
	require.NoError(t, err)
	return when.UnixMicro()
}

// sold is a sale of 10.00 INR, or what more says, with this request.
func sold(request string, more ...func(*closing.Record)) closing.Record {
	r := closing.Record{Kind: sale.KindSale, Currency: "INR", Total: "10.00", RecordedAtUS: 1_000_000, Request: []byte(request)}
	for _, change := range more {
		change(&r)
	}
	return r
}

func refund(r *closing.Record) { r.Kind = sale.KindRefund }
func of(currency, total string) func(*closing.Record) {
	return func(r *closing.Record) { r.Currency, r.Total = currency, total }
}

func seq(n int64) func(*closing.Record) { return func(r *closing.Record) { r.TerminalSeq = &n } }

func occurred(text string) func(*closing.Record) {
	return func(r *closing.Record) { r.OccurredAt = text }
}

func points(earned, redeemed int64) func(*closing.Record) {
	return func(r *closing.Record) { r.Earned, r.Redeemed = earned, redeemed }
}

// closed adds records up, from number 1 on, as the first closing or, with before, as the second.
func closed(t testing.TB, before int64, records ...closing.Record) event.SalesClosed {
	t.Helper()
	in := closing.Range{StoreID: "s1", TerminalID: "t1", Number: 1, From: 1, To: uint64(len(records)), BeforeUS: before}
	if len(records) > 0 {
		in.HeadHash = common.Hash{1}
	}
	sums := closing.New(in)
	for i := range records {
		records[i].Number, records[i].Hash = uint64(i+1), in.HeadHash
		require.NoError(t, sums.Add(&records[i]))
	}
	if _, to, ok := sums.Unknown(); ok {
		sums.Seen(nil, to)
	}
	c, _, err := sums.Closing(2_000_000)
	require.NoError(t, err)
	return c
}

func text(t testing.TB, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return string(out)
}

func TestAClosingAddsUpWhatWasPaid(t *testing.T) {
	for name, c := range map[string]struct {
		records []closing.Record
		want    string // currencies
	}{
		"nothing": {nil, `[]`},
		"a sale and its refund": {
			[]closing.Record{sold(`{}`), sold(`{}`, refund, of("INR", "4.50"))},
			`[{"currency":"INR","sales":{"count":1,"gross":"10.00"},"refunds":{"count":1,"total":"4.50"},"net":"5.50","tax":[],"tenders":[]}]`,
		},
		"more refunds than sales": {
			[]closing.Record{sold(`{"lines":[{"tax":"0.05"}],"tenders":[{"type":"cash","amount":"0.05"}]}`, refund, of("INR", "0.05"))},
			`[{"currency":"INR","sales":{"count":0,"gross":"0.00"},"refunds":{"count":1,"total":"0.05"},"net":"-0.05",` +
				`"tax":[{"rate":null,"amount":"-0.05"}],"tenders":[{"type":"cash","count":1,"amount":"-0.05"}]}]`,
		},
		"currencies of three kinds": {
			[]closing.Record{sold(`{}`, of("KWD", "0.005")), sold(`{}`, of("JPY", "7")), sold(`{}`), sold(`{}`, of("JPY", "8"))},
			`[{"currency":"INR","sales":{"count":1,"gross":"10.00"},"refunds":{"count":0,"total":"0.00"},"net":"10.00","tax":[],"tenders":[]},` +
				`{"currency":"JPY","sales":{"count":2,"gross":"15"},"refunds":{"count":0,"total":"0"},"net":"15","tax":[],"tenders":[]},` +
				`{"currency":"KWD","sales":{"count":1,"gross":"0.005"},"refunds":{"count":0,"total":"0.000"},"net":"0.005","tax":[],"tenders":[]}]`,
		},
		"rates by value, and none first": {
			[]closing.Record{sold(`{"lines":[{"taxes":[{"name":"CGST","rate":"9","amount":"0.10"},{"name":"SGST","rate":"9.0","amount":"0.20"}]},
				{"taxes":[{"rate":"9.00","amount":"0.30"},{"rate":"10","amount":"1"},{"rate":"9.05","amount":"2"},{"rate":"0.50","amount":"3"}]},
				{"taxes":[{"rate":"0","amount":"0"},{"amount":"0.01"},{"rate":"009","amount":"0.01"}]},{"tax":"0.02"},{}]}`)},
			`[{"currency":"INR","sales":{"count":1,"gross":"10.00"},"refunds":{"count":0,"total":"0.00"},"net":"10.00","tax":[` +
				`{"rate":null,"amount":"0.03"},{"rate":"0","amount":"0.00"},{"rate":"0.5","amount":"3.00"},{"rate":"9","amount":"0.61"},` +
				`{"rate":"9.05","amount":"2.00"},{"rate":"10","amount":"1.00"}],"tenders":[]}]`,
		},
		"a line that goes back in a sale, and one that the customer takes in a refund": {
			[]closing.Record{
				sold(`{"lines":[{"tax":"2.00"},{"type":"return","tax":"-0.50"}]}`),
				sold(`{"lines":[{"tax":"1.00"},{"type":"return","taxes":[{"rate":"5","amount":"-0.25"}]}]}`, refund),
			},
			`[{"currency":"INR","sales":{"count":1,"gross":"10.00"},"refunds":{"count":1,"total":"10.00"},"net":"0.00",` +
				`"tax":[{"rate":null,"amount":"0.50"},{"rate":"5","amount":"0.25"}],"tenders":[]}]`,
		},
		"tenders by type, each as often as it was used": {
			[]closing.Record{
				sold(`{"tenders":[{"type":"cash","amount":"4.00","tendered":"5","change":"1"},{"type":"cash","amount":"1.00"},{"type":"Card","amount":"5"}]}`),
				sold(`{"tenders":[{"type":"cash","amount":"2.50"}]}`, refund, of("INR", "2.5")),
			},
			`[{"currency":"INR","sales":{"count":1,"gross":"10.00"},"refunds":{"count":1,"total":"2.50"},"net":"7.50","tax":[],` +
				`"tenders":[{"type":"Card","count":1,"amount":"5.00"},{"type":"cash","count":3,"amount":"2.50"}]}]`,
		},
		"more than an int64 holds": {
			[]closing.Record{
				sold(`{}`, of("KWD", "999999999999999.999")), sold(`{}`, of("KWD", "999999999999999.999")), sold(`{}`, of("KWD", "999999999999999.999")),
				sold(`{}`, of("KWD", "999999999999999.999")), sold(`{}`, of("KWD", "999999999999999.999")), sold(`{}`, of("KWD", "999999999999999.999")),
				sold(`{}`, of("KWD", "999999999999999.999")), sold(`{}`, of("KWD", "999999999999999.999")), sold(`{}`, of("KWD", "999999999999999.999")),
				sold(`{}`, of("KWD", "999999999999999.999")),
			},
			`[{"currency":"KWD","sales":{"count":10,"gross":"9999999999999999.990"},"refunds":{"count":0,"total":"0.000"},` +
				`"net":"9999999999999999.990","tax":[],"tenders":[]}]`,
		},
		"a record that is neither a sale nor a refund": {
			[]closing.Record{sold(`{"jwk":{}}`, func(r *closing.Record) { r.Kind, r.Currency, r.Total = sale.KindKey, "XXX", "0" })}, `[]`,
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, text(t, closed(t, 0, c.records...).Currencies)) })
	}
}

func TestPointsAreNetOfRefunds(t *testing.T) {
	c := closed(t, 0, sold(`{}`, points(124, 0)), sold(`{}`, points(0, 200)), sold(`{}`, refund, points(-24, -50)))
	require.Equal(t, event.ClosedPoints{Earned: 100, Redeemed: 150}, c.Points)
}

func TestALateRecordIsOneDatedBeforeTheClosingBefore(t *testing.T) {
	before := at(t, "2026-11-22T18:00:00.5Z")
	for when, late := range map[string]uint64{
		"":                               0,
		"2026-11-22T18:00:00.5Z":         0,
		"2026-11-22T18:00:00.500001Z":    0,
		"2026-11-22T18:00:00.499999999Z": 1,
		"2026-11-22T23:30:00+05:30":      1,
		"2026-11-22T23:30:01+05:30":      0,
		"2026-11-22t17:59:59z":           1,
		"2026-11-22T17:59:60.4Z":         1,
		"2026-11-22T17:59:60.6Z":         0,
		"1970-01-01T00:00:00Z":           1,
		"9999-12-31T23:59:59Z":           0,
	} {
		require.Equal(t, late, closed(t, before, sold(`{}`, occurred(when))).Late.Count, when)
		require.Zero(t, closed(t, 0, sold(`{}`, occurred(when))).Late.Count, "nothing was closed before")
	}
}

func TestAClosingIsClosedAfterWhatItHolds(t *testing.T) {
	recorded := func(us int64) func(*closing.Record) { return func(r *closing.Record) { r.RecordedAtUS = us } }
	require.Equal(t, []string{"1970-01-01T00:00:01.500000Z", "1970-01-01T00:00:02.000000Z"},
		times(closed(t, 0, sold(`{}`, recorded(1_500_000)), sold(`{}`, recorded(1_400_000)))), "now is later")
	require.Equal(t, []string{"1970-01-01T00:00:01.000000Z", "1970-01-01T00:00:03.000000Z"},
		times(closed(t, 0, sold(`{}`), sold(`{}`, recorded(3_000_000)))), "the last record is later")
	require.Equal(t, []string{"1970-01-01T00:00:05.000000Z", "1970-01-01T00:00:05.000001Z"},
		times(closed(t, 5_000_000, sold(`{}`))), "the closing before is later")
	require.Equal(t, []string{"1970-01-01T00:00:02.000000Z", "1970-01-01T00:00:02.000000Z"}, times(closed(t, 0)), "nothing was ever sold")
	require.Equal(t, []string{"1970-01-01T00:00:01.000000Z", "1970-01-01T00:00:02.000000Z"}, times(closed(t, 1_000_000)), "nothing was sold since")
}

func TestAClosingIsClosedAfterTheOneBeforeInItsName(t *testing.T) {
	sums := closing.New(closing.Range{TerminalID: "t1~2", Number: 8, From: 1, To: 0, BeforeUS: 3_000_000, NamedAtUS: 5_000_000})
	c, closedAtUS, err := sums.Closing(2_000_000)
	require.NoError(t, err)
	require.Equal(t, []string{"1970-01-01T00:00:03.000000Z", "1970-01-01T00:00:05.000001Z"}, times(c), "it is opened where its chain was closed")
	require.Equal(t, int64(5_000_001), closedAtUS)
}

func TestAClosingOfAnEndedChainSaysWhichOne(t *testing.T) {
	sums := closing.New(closing.Range{TerminalID: "t1~2", Number: 1, RecordsOf: "t1", From: 4, To: 4})
	wrong := sold(`{}`)
	require.ErrorContains(t, sums.Add(&wrong), "record 0 of t1 came where 4 was expected")
	r := sold(`{}`, func(r *closing.Record) { r.Number = 4 })
	require.NoError(t, sums.Add(&r))
	c, _, err := sums.Closing(1)
	require.NoError(t, err)
	require.Equal(t, []any{"t1~2/1", "t1", uint64(4)}, []any{c.Name(), c.RecordsOf, c.ToNumber})
}

func times(c event.SalesClosed) []string { return []string{c.OpenedAt, c.ClosedAt} }

func TestMissingNumbersAreThoseThatNoRecordHas(t *testing.T) {
	type of = [][2]int64
	many := make([]closing.Record, 150)
	for i := range many {
		many[i] = sold(`{}`, seq(int64(2*i)))
	}
	first := make(of, closing.MaxMissing)
	for i := range first {
		first[i] = [2]int64{int64(2*i + 1), int64(2*i + 1)}
	}
	for name, c := range map[string]struct {
		records []closing.Record
		want    of
	}{
		"none given":            {[]closing.Record{sold(`{}`)}, of{}},
		"one":                   {[]closing.Record{sold(`{}`, seq(7))}, of{}},
		"in order":              {[]closing.Record{sold(`{}`, seq(0)), sold(`{}`, seq(1)), sold(`{}`), sold(`{}`, seq(2))}, of{}},
		"in any order":          {[]closing.Record{sold(`{}`, seq(9)), sold(`{}`, seq(7)), sold(`{}`, seq(8))}, of{}},
		"twice the same":        {[]closing.Record{sold(`{}`, seq(7)), sold(`{}`, seq(7)), sold(`{}`, seq(8))}, of{}},
		"one between":           {[]closing.Record{sold(`{}`, seq(9)), sold(`{}`, seq(7))}, of{{8, 8}}},
		"two gaps":              {[]closing.Record{sold(`{}`, seq(20)), sold(`{}`, seq(7)), sold(`{}`, seq(9))}, of{{8, 8}, {10, 19}}},
		"all that there can be": {[]closing.Record{sold(`{}`, seq(1<<53-1)), sold(`{}`, seq(0))}, of{{1, 1<<53 - 2}}},
		"more gaps than fit":    {many, first},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, closed(t, 0, c.records...).MissingTerminalSeq) })
	}
}

func TestARecordThatIsNotWhatTheGatewayTakesIsNotAddedUp(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*closing.Record)
		why    string
	}{
		"a number too early":  {func(r *closing.Record) { r.Number = 4 }, "record 4 of t1 came where 5 was expected"},
		"a number too late":   {func(r *closing.Record) { r.Number = 6 }, "record 6 of t1"},
		"no currency":         {of("XXX", "1"), "the currency is not"},
		"no total":            {of("INR", "1.005"), "the total has more decimals"},
		"a negative total":    {of("INR", "-1"), "the total must be"},
		"no record":           {func(r *closing.Record) { r.Request = []byte("secret") }, "the request is not a record"},
		"no tax":              {func(r *closing.Record) { r.Request = []byte(`{"lines":[{"tax":"x"}]}`) }, "a tax must be"},
		"no tax at a rate":    {func(r *closing.Record) { r.Request = []byte(`{"lines":[{"taxes":[{"rate":"9"}]}]}`) }, "a tax must be"},
		"no tender":           {func(r *closing.Record) { r.Request = []byte(`{"tenders":[{"type":"cash"}]}`) }, "a tender must be"},
		"no time":             {occurred("secret"), "occurred_at is not an RFC 3339 time"},
		"points without end":  {points(math.MaxInt64, 0), "the points exceed"},
		"the same going down": {points(0, math.MinInt64), "the points exceed"},
	} {
		t.Run(name, func(t *testing.T) {
			sums := closing.New(closing.Range{TerminalID: "t1", From: 4, To: 6, BeforeUS: 1})
			first := sold(`{}`, points(1, -1), func(r *closing.Record) { r.Number = 4 })
			require.NoError(t, sums.Add(&first))
			r := sold(`{}`, func(r *closing.Record) { r.Number = 5 }, c.change)
			err := sums.Add(&r)
			require.ErrorContains(t, err, c.why)
			require.True(t, fault.Is(err, fault.Fatal))
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestWhatIsNotAllThereIsNotClosed(t *testing.T) {
	in := closing.Range{TerminalID: "t1", From: 1, To: 2, HeadHash: common.Hash{1}}
	sums := closing.New(in)
	add := func(number uint64, hash common.Hash, n int64) {
		r := sold(`{}`, seq(n), func(r *closing.Record) { r.Number, r.Hash = number, hash })
		require.NoError(t, sums.Add(&r))
	}
	refused := func(why string) {
		t.Helper()
		_, _, err := sums.Closing(1)
		require.ErrorContains(t, err, why)
	}
	refused("t1 has no record 1")
	add(1, common.Hash{}, 1)
	refused("t1 has no record 2")
	add(2, common.Hash{2}, 5)
	refused("is not the head's")
	sums = closing.New(in)
	add(1, common.Hash{}, 1)
	add(2, in.HeadHash, 5)
	refused("it is not known which")
	sums.Seen([]int64{3}, 4)
	c, _, err := sums.Closing(1)
	require.NoError(t, err)
	require.Equal(t, [][2]int64{{2, 2}, {4, 4}}, c.MissingTerminalSeq)
	r := sold(`{}`, func(r *closing.Record) { r.Number = 3 })
	require.Error(t, sums.Add(&r), "it is beyond the range")
}

// BenchmarkSum adds up records of one line and of ten.
func BenchmarkSum(b *testing.B) {
	for name, request := range map[string]string{
		"one line": `{"kind":"sale","currency":"INR","total":"1249.50","customer_id":"C-1001","redeem_points":200,` +
			`"lines":[{"sku":"TEA-250","name":"Assam tea","quantity":"2","unit_price":"499.75","discount":"0.00","tax":"250.00"}],` +
			`"tenders":[{"type":"cash","amount":"1199.50"}],"occurred_at":"2026-11-22T10:15:30+05:30","terminal_seq":1042}`,
		"ten lines": `{"lines":[` + lines(10) + `],"tenders":[{"type":"cash","amount":"1199.50","tendered":"1200.00","change":"0.50"}]}`,
	} {
		b.Run(name, func(b *testing.B) {
			const records = 100_000
			b.ReportAllocs()
			for b.Loop() {
				sums := closing.New(closing.Range{TerminalID: "t1", From: 1, To: records, BeforeUS: 1})
				for i := range int64(records) {
					r := sold(request, of("INR", "1249.50"), points(1, 2), occurred("2026-11-22T10:15:30+05:30"), seq(i*7%records))
					r.Number = uint64(i + 1)
					if err := sums.Add(&r); err != nil {
						b.Fatal(err)
					}
				}
				if _, _, err := sums.Closing(1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func lines(n int) (all string) {
	for i := range n {
		if i > 0 {
			all += ","
		}
		all += fmt.Sprintf(`{"sku":"TEA-%d","name":"Assam tea","quantity":"2","unit_price":"499.75","discount":"0.00","taxes":[`+
			`{"name":"CGST","rate":"9","amount":"95.30"},{"name":"SGST","rate":"9.00","amount":"95.30"}]}`, i)
	}
	return all
}
