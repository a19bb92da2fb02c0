package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

type salesPage struct {
	Sales      []json.RawMessage `json:"sales"`
	NextCursor *string           `json:"next_cursor"`
}

// listed reads the records that a till is shown, page by page; between runs after each page but the last.
func (t *till) listed(limit int, between func(), query url.Values) (names []string) {
	t.t.Helper()
	query = withValue(query, "limit", strconv.Itoa(limit))
	for {
		r := t.do("GET", "/sales?"+query.Encode(), "")
		require.Equal(t.t, 200, r.Status, "%s", r.Body)
		page := read[salesPage](t.t, r)
		require.LessOrEqual(t.t, len(page.Sales), limit)
		for _, one := range page.Sales {
			s := read[answer](t.t, reply{Body: one})
			names = append(names, fmt.Sprintf("%s/%d", s.TerminalID, s.RecordNumber))
		}
		if page.NextCursor == nil {
			return names
		}
		require.Len(t.t, page.Sales, limit)
		between()
		query.Set("cursor", *page.NextCursor)
	}
}

// withValue is a copy of values with one more.
func withValue(values url.Values, name, value string) url.Values {
	with := url.Values{name: {value}}
	for k, v := range values {
		with[k] = slices.Clone(v)
	}
	return with
}

// row is what is known of a record without the gateway.
type row struct {
	Store, Chain, Ref string
	Number, At        int64
}

// rows are all records of the tills, newest first; those of one moment by their chain and number.
func (s *shop) rows() []row {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.db.Admin)
	require.NoError(s.t, err)
	defer conn.Close(s.t.Context())
	found, err := conn.Query(s.t.Context(), `SELECT store_id, chain, coalesce(external_ref, ''), record_number, recorded_at_us FROM sales.sale
		WHERE kind IN ('sale', 'refund') ORDER BY recorded_at_us DESC, chain DESC, record_number DESC`)
	require.NoError(s.t, err)
	all, err := pgx.CollectRows(found, pgx.RowToStructByPos[row])
	require.NoError(s.t, err)
	return all
}

func TestAStoreListsItsRecordsPageByPageHoweverItAsks(t *testing.T) {
	shop := setup(t)
	second, elsewhere := shop.newTill("s1", "t2"), shop.newTill("s2", "t3")
	shop.newTill("s1", "t4") // sells nothing
	require.Empty(t, shop.till.listed(3, nil, nil))
	require.JSONEq(t, `{"sales":[],"next_cursor":null}`, string(shop.till.do("GET", "/sales", "").Body))
	for series := range 3 {
		for i := range 4 {
			for _, by := range []*till{shop.till, second, elsewhere} {
				by.sell(newKey(), fmt.Sprintf(`{"currency":"INR","total":"%d","external_ref":"INV-%d"}`, i+1, i%2))
			}
		}
		shop.till.sell(newKey(), tea)
		if series < 2 {
			shop.nextSeries()
		}
	}
	// A clock stood still, once within a chain and once across the shop.
	shop.exec(`UPDATE sales.sale SET recorded_at_us = (SELECT recorded_at_us FROM sales.sale WHERE chain = 't1~2' AND record_number = 2)
		WHERE record_number BETWEEN 2 AND 4 AND chain LIKE 't%~2'`)
	all := shop.rows()
	moments := []int64{all[0].At, all[5].At, all[20].At, all[len(all)-1].At}
	at := func(us int64) string {
		return time.UnixMicro(us).In(time.FixedZone("", 19800)).Format(time.RFC3339Nano)
	}
	ask := func(by *till, store, ref, terminal string, from, to int64) {
		t.Helper()
		query, want := url.Values{}, []string(nil)
		for name, value := range map[string]string{"external_ref": ref, "terminal_id": terminal} {
			if value != "" {
				query.Set(name, value)
			}
		}
		if from > 0 {
			query.Set("from", at(from))
		}
		if to > 0 {
			query.Set("to", at(to))
		}
		for _, r := range all {
			if r.Store == store && (ref == "" || r.Ref == ref) && (terminal == "" || r.Chain == terminal) && r.At >= from && (to == 0 || r.At < to) {
				want = append(want, fmt.Sprintf("%s/%d", r.Chain, r.Number))
			}
		}
		for _, limit := range []int{1, 3, 200} {
			require.Equal(t, want, by.listed(limit, func() {}, query), "%s, %d a page", query.Encode(), limit)
		}
	}
	for _, ref := range []string{"", "INV-0", "INV-1", "INV-2"} {
		for _, terminal := range []string{"", "t1", "t1~2", "t2~3", "t3", "t4", "t1~4", "nobody"} {
			ask(shop.till, "s1", ref, terminal, 0, 0)
		}
		ask(elsewhere, "s2", ref, "", 0, 0)
		for _, from := range moments {
			ask(shop.till, "s1", ref, "", from, 0)
			ask(shop.till, "s1", ref, "t1~2", from, 0)
			ask(second, "s1", ref, "", 0, from)
			ask(second, "s1", ref, "", moments[2], from)
		}
	}
}

func TestNewRecordsDoNotShiftThePagesOfAList(t *testing.T) {
	shop := setup(t)
	second := shop.newTill("s1", "t2")
	sell := func() {
		shop.till.sell(newKey(), `{"currency":"INR","total":"1","external_ref":"INV-1"}`)
		second.sell(newKey(), tea)
	}
	for range 4 {
		sell()
	}
	for _, query := range []url.Values{nil, {"terminal_id": {"t1"}}, {"external_ref": {"INV-1"}}} {
		before := shop.till.listed(200, nil, query)
		for _, limit := range []int{1, 3} {
			require.Equal(t, before, shop.till.listed(limit, sell, query))
			before = shop.till.listed(200, nil, query)
		}
	}
}

func TestAListSaysOfEachRecordWhatIdentifiesIt(t *testing.T) {
	shop := setup(t)
	_, sold := shop.till.sell(newKey(), `{"currency":"INR","total":"1249.5","customer_id":"C-1","external_ref":"INV-<1>","terminal_seq":0,
		"occurred_at":"2026-11-22T10:15:30+05:30","note":"not in a list"}`)
	_, back := shop.till.sell(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"INR","total":"400"}`)
	_, loose := shop.till.sell(newKey(), `{"kind":"refund","currency":"JPY","total":"7"}`)
	page := read[salesPage](t, shop.till.do("GET", "/sales?unknown=1", ""))
	for i, want := range []string{
		fmt.Sprintf(`{"sale_id":"%s","kind":"refund","terminal_id":"t1","record_number":3,"recorded_at":"%s","currency":"JPY","total":"7","sale_hash":"%s"}`,
			loose.SaleID, loose.RecordedAt, loose.Anchor.SaleHash),
		fmt.Sprintf(`{"sale_id":"%s","kind":"refund","terminal_id":"t1","record_number":2,"recorded_at":"%s","currency":"INR","total":"400.00",
			"refund_of":"%s","customer_id":"C-1","sale_hash":"%s"}`, back.SaleID, back.RecordedAt, sold.SaleID, back.Anchor.SaleHash),
		fmt.Sprintf(`{"sale_id":"%s","kind":"sale","terminal_id":"t1","record_number":1,"recorded_at":"%s","currency":"INR","total":"1249.50",
			"customer_id":"C-1","external_ref":"INV-<1>","terminal_seq":0,"occurred_at":"2026-11-22T10:15:30+05:30","sale_hash":"%s"}`,
			sold.SaleID, sold.RecordedAt, sold.Anchor.SaleHash),
	} {
		require.JSONEq(t, want, string(page.Sales[i]))
	}
	require.Len(t, page.Sales, 3)
	require.Equal(t, []string{"t1/1"}, shop.till.listed(3, nil, url.Values{"external_ref": {"INV-<1>"}}))
}

func TestAListFromAMomentHasItAndUpToAMomentDoesNot(t *testing.T) {
	shop := setup(t)
	_, first := shop.till.sell(newKey(), tea)
	_, next := shop.till.sell(newKey(), tea)
	finer := func(at, digits string) string { return strings.TrimSuffix(at, "Z") + digits + "Z" }
	for query, want := range map[[2]string][]string{
		{"from", first.RecordedAt}:             {"t1/2", "t1/1"},
		{"from", finer(first.RecordedAt, "0")}: {"t1/2", "t1/1"},
		{"from", finer(first.RecordedAt, "1")}: {"t1/2"},
		{"from", next.RecordedAt}:              {"t1/2"},
		{"to", next.RecordedAt}:                {"t1/1"},
		{"to", finer(next.RecordedAt, "001")}:  {"t1/2", "t1/1"},
		{"to", first.RecordedAt}:               nil,
		{"from", "2016-12-31T23:59:60Z"}:       {"t1/2", "t1/1"},
		{"from", "9999-12-31T23:59:59Z"}:       nil,
		{"to", "0000-01-01T00:00:00Z"}:         nil,
		{"from", "0000-01-01t00:00:00z"}:       {"t1/2", "t1/1"},
	} {
		require.Equal(t, want, shop.till.listed(1, func() {}, url.Values{query[0]: {query[1]}}), "%s", query)
	}
	newest := *read[salesPage](t, shop.till.do("GET", "/sales?limit=1", "")).NextCursor
	require.Equal(t, []string{"t1/1"}, shop.till.listed(1, nil, url.Values{"cursor": {newest}}))
	require.Empty(t, shop.till.listed(1, nil, url.Values{"cursor": {newest}, "to": {first.RecordedAt}}), "a cursor goes no further back than to")
}

func TestAListRefusesWhatItDoesNotUnderstand(t *testing.T) {
	shop := setup(t)
	for range 3 {
		shop.till.sell(newKey(), tea)
		shop.till.closed()
	}
	next := *read[salesPage](t, shop.till.do("GET", "/sales?limit=1", "")).NextCursor
	raw, err := base64.RawURLEncoding.DecodeString(next)
	require.NoError(t, err)
	raw[0]--
	otherForm := base64.RawURLEncoding.EncodeToString(raw)
	closings := *read[closingsPage](t, shop.till.do("GET", "/closings?limit=1", "")).NextCursor
	for query, expected := range map[string]string{
		"limit=": "from 1 to 200", "limit=0": "from 1 to 200", "limit=201": "from 1 to 200", "limit=x": "from 1 to 200",
		"cursor=": "next_cursor", "cursor=x": "next_cursor", "cursor=" + closings: "next_cursor", "cursor=" + otherForm: "next_cursor",
		"cursor=" + next[:8]: "next_cursor", "cursor=" + next + "AAAA": "next_cursor",
		"terminal_id=T1": "such as t1 or t1~2", "terminal_id=t1~": "such as t1 or t1~2", "terminal_id=%00": "such as t1 or t1~2",
		"terminal_id=": "such as t1 or t1~2", "from=": "RFC 3339", "to=": "RFC 3339",
		"external_ref=": "1 to 64 characters", "external_ref=%20": "only spaces", "external_ref=a%00": "control characters",
		"external_ref=%ff": "one of a record", "external_ref=" + strings.Repeat("x", 65): "1 to 64 characters",
		"from=2026-11-22": "RFC 3339", "from=2026-11-22T10:15:30": "offset", "to=2026-11-22T10:15:30+05:30": "%2B", "to=2026-02-30T00:00:00Z": "RFC 3339",
	} {
		r := shop.till.do("GET", "/sales?"+query, "")
		refuses(t, r, 400, refusal.BadRequest)
		require.Contains(t, string(r.Body), expected, query)
	}
	require.Equal(t, []string{"t1/2", "t1/1"}, shop.till.listed(2, nil, url.Values{"cursor": {next}}))
}
