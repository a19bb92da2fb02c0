package export_test

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/export"
)

// seconds is so many seconds after the first generated record, as a flag has it.
func seconds(n int) string {
	return time.UnixMicro(firstAt).UTC().Add(time.Duration(n) * time.Second).Format(time.RFC3339Nano)
}

func TestAPeriodHasAStoresTillsInOrderAndNoOperatorsRecord(t *testing.T) {
	shop := setup(t)
	second, first, elsewhere := shop.newTill("s1", "t2"), shop.newTill("s1", "t1"), shop.newTill("s2", "t10")
	var want []string
	add := func(chain string, s sold) { want = append(want, chain+"/"+strconv.Itoa(s.RecordNumber)+" "+s.SaleID) }
	b := second.sell(dollars)
	elsewhere.sell(dollars)
	add("t1", first.sell(taxed))
	add("t1", first.sell(exchange))
	for range 9 { // up to t1~10
		ask[map[string]any](shop, "ops.gateway.series.next", map[string]string{"by": "asha", "reason": "a test"})
		if query[int](shop, "SELECT max(series)::int FROM sales.series") == 2 {
			add("t1~2", first.sell(dollars))
		}
	}
	add("t1~10", first.sell(dollars))
	add("t2", b)
	ask[map[string]any](shop, "ops.gateway.points.adjust", map[string]any{
		"key": "5d2f7a94-3c1e-4b7a-9f60-1d2c3b4a5e6f", "customer_id": "C-1001", "points": 5, "reason": "a test", "by": "asha",
	})
	require.NotZero(t, query[int](shop, "SELECT count(*)::int FROM audit.sale WHERE kind = 'key'"))
	require.NotZero(t, query[int](shop, "SELECT count(*)::int FROM audit.sale WHERE kind = 'adjustment'"))

	ever := []string{"-from", "2026-01-01", "-to", "2126-01-01"}
	got := func(args ...string) (names []string) {
		for _, row := range shop.run(append(args, ever...)...).whole().table() {
			names = append(names, row["terminal_id"]+"/"+row["record_number"]+" "+row["sale_id"])
		}
		return names
	}
	require.Equal(t, want, got("-store", "s1"))
	require.Equal(t, want[:4], got("-store", "s1", "-terminal", "t1"), "with all its series, and without t10")
	require.Equal(t, want[3:4], got("-store", "s1", "-terminal", "t1~10"))
	require.Len(t, got("-store", "s2"), 1)
	own := shop.run(append([]string{"-store", "operator"}, ever...)...).whole()
	require.Equal(t, []string{"key", "adjustment"}, own.column("kind"))
	require.Equal(t, []string{"XXX", "XXX"}, own.column("currency"))
	require.Equal(t, []string{"0", "0"}, own.column("signed_total"))
	require.Equal(t, []string{"", "5"}, own.column("points_earned"))
	require.Equal(t, []string{"", "asha"}, own.column("by"))
	for want, args := range map[string][]string{
		"-terminal: store s2 has no terminal t1":    append([]string{"-store", "s2", "-terminal", "t1"}, ever...),
		"-terminal: store s1 has no terminal t1~99": append([]string{"-store", "s1", "-terminal", "t1~99"}, ever...),
		"-store: there is no store s3":              append([]string{"-store", "s3"}, ever...),
		"-closing: t1 has no closing 1":             {"-closing", "t1/1"},
	} {
		out := shop.run(args...)
		require.Equal(t, 2, out.code, out.stderr)
		require.Contains(t, out.stderr, want)
		require.Empty(t, out.stdout)
	}
}

func TestADayBeginsWithItsFirstMomentWhateverClocksDo(t *testing.T) {
	shop := &shop{t: t, db: database(t)}
	days := []struct{ zone, before, day, after, first string }{ // by the moment
		{"Asia/Amman", "2021-10-28", "2021-10-29", "2021-10-30", "2021-10-28T21:00:00Z"},       // 00:00 to 00:59 come twice
		{"Asia/Kolkata", "2026-02-28", "2026-03-01", "2026-03-02", "2026-02-28T18:30:00Z"},     // as usual
		{"Asia/Beirut", "2026-03-28", "2026-03-29", "2026-03-30", "2026-03-28T22:00:00Z"},      // from 23:59:59 to 01:00
		{"America/Santiago", "2026-09-05", "2026-09-06", "2026-09-07", "2026-09-06T04:00:00Z"}, // the same
		{"America/Havana", "2026-10-31", "2026-11-01", "2026-11-02", "2026-11-01T04:00:00Z"},   // 00:00 to 00:59 come twice
	}
	leave(t, shop.db.Admin, "t1", 2*len(days), func(number int) int64 { // the last moment of the day before, and the first of the day
		first, err := time.Parse(time.RFC3339, days[(number-1)/2].first)
		require.NoError(t, err)
		return first.UnixMicro() - int64(number%2)
	})
	for i, d := range days {
		of := func(from, to string) []string {
			return shop.run("-store", "s1", "-from", from, "-to", to, "-zone", d.zone).whole().column("record_number")
		}
		require.Equal(t, []string{strconv.Itoa(2*i + 1)}, of(d.before, d.day), d.zone)
		require.Equal(t, []string{strconv.Itoa(2*i + 2)}, of(d.day, d.after), d.zone)
	}
}

func TestAPeriodBeginsWithItsFirstMomentAndEndsBeforeItsLast(t *testing.T) {
	shop := &shop{t: t, db: database(t)}
	midnight := time.Date(2026, time.December, 1, 0, 0, 0, 0, time.FixedZone("India", 5*3600+1800)).UnixMicro()
	offsets := []int64{-1, 0, 1, int64(24*time.Hour/time.Microsecond) - 1, int64(24 * time.Hour / time.Microsecond)}
	leave(t, shop.db.Admin, "t1", len(offsets), func(number int) int64 { return midnight + offsets[number-1] })
	numbers := func(args ...string) []string {
		return shop.run(append([]string{"-store", "s1"}, args...)...).whole().column("record_number")
	}
	require.Equal(t, []string{"2", "3", "4"}, numbers("-from", "2026-12-01", "-to", "2026-12-02", "-zone", "Asia/Kolkata"))
	require.Equal(t, []string{"2", "3", "4"}, numbers("-from", "2026-12-01T00:00:00+05:30", "-to", "2026-12-01T18:30:00Z"))
	require.Equal(t, []string{"1", "2", "3"}, numbers("-from", "2026-11-30", "-to", "2026-12-01"), "midnight in Greenwich is later")
	require.Equal(t, []string{"3"}, numbers("-from", "2026-11-30T18:30:00.0000001Z", "-to", "2026-12-01T00:00:00Z"), "no microsecond is before itself")
}

func TestRecordsOfAPeriodStandInTheOrderOfTheirNumbersWhateverTheClockSaid(t *testing.T) {
	shop := &shop{t: t, db: database(t)}
	leave(t, shop.db.Admin, "t1", 6, func(number int) int64 { // set back after the third, and far ahead for one
		return firstAt + []int64{10, 20, 30, 15, 9_000, 25}[number-1]*1_000_000
	})
	all := shop.run("-store", "s1", "-from", seconds(15), "-to", seconds(31)).whole()
	require.Equal(t, []string{"2", "3", "4", "6"}, all.column("record_number"))
	require.Equal(t, []string{"5"}, shop.run("-store", "s1", "-from", seconds(8_000), "-to", seconds(10_000)).whole().column("record_number"))
}

func TestAnExportHasAsManyPagesAsItNeeds(t *testing.T) {
	shop := &shop{t: t, db: database(t)}
	leave(t, shop.db.Admin, "t1", 2500, nil)
	leave(t, shop.db.Admin, "t2", 1000, nil) // exactly a page
	out := shop.run("-store", "s1", "-from", seconds(0), "-to", seconds(2400)).whole()
	require.Contains(t, out.stderr, "3400 records; INR ")
	next := map[string]int{"t1": 1, "t2": 1}
	for _, row := range out.table() {
		require.Equal(t, strconv.Itoa(next[row["terminal_id"]]), row["record_number"])
		next[row["terminal_id"]]++
	}
	require.Equal(t, map[string]int{"t1": 2401, "t2": 1001}, next)
}

func TestALongExportSaysHowFarItIs(t *testing.T) {
	db := database(t)
	leave(t, db.Admin, "t1", 300, nil)
	tick := make(chan time.Time, 1)
	var said []string
	say := func(format string, values ...any) {
		said = append(said, fmt.Sprintf(format, values...))
		if len(said) < 3 {
			tick <- time.Now()
		}
	}
	tick <- time.Now()
	require.NoError(t, export.RunWith(t.Context(), tick, say, db.Auditor, io.Discard, "-store", "s1", "-from", seconds(100), "-to", seconds(200)))
	require.Equal(t, []string{"0 of 100 records", "1 of 100 records", "2 of 100 records"}, said)
}

// TestAnExportIsOfOneMoment has the records change while the first page is written.
func TestAnExportIsOfOneMoment(t *testing.T) {
	shop := &shop{t: t, db: database(t)}
	leave(t, shop.db.Admin, "t1", 1500, nil)
	first := true
	var out strings.Builder
	code := exportTo(t, shop.db.Auditor, writerFunc(func(p []byte) (int, error) {
		if first {
			first = false
			shop.exec("UPDATE sales.sale SET total = '9.99' WHERE record_number = 1400")
			shop.exec("DELETE FROM sales.sale WHERE record_number = 1450")
		}
		return out.Write(p)
	}), "-store", "s1", "-from", seconds(0), "-to", seconds(1500))
	require.False(t, first)
	require.Zero(t, code)
	require.Equal(t, 1501, strings.Count(out.String(), "\n"))
	require.NotContains(t, out.String(), "9.99")
	require.Equal(t, 1, shop.run("-store", "s1", "-from", seconds(0), "-to", seconds(1500)).code, "the next one sees it")
}
