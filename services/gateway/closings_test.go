package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
)

type closingsPage struct {
	Closings   []json.RawMessage `json:"closings"`
	NextCursor *string           `json:"next_cursor"`
}

// names lists the closings that a till is shown, page by page.
func (t *till) names(query string) (all []string) {
	t.t.Helper()
	for next := "/closings?limit=2" + query; next != ""; {
		r := t.do("GET", next, "")
		require.Equal(t.t, 200, r.Status, "%s", r.Body)
		page := read[closingsPage](t.t, r)
		for _, one := range page.Closings {
			c := read[event.SalesClosed](t.t, reply{Body: one})
			t.promised(c)
			all = append(all, c.Name())
		}
		if next = ""; page.NextCursor != nil {
			require.Len(t.t, page.Closings, 2)
			next = "/closings?limit=2" + query + "&cursor=" + *page.NextCursor
		}
	}
	return all
}

func TestAStoreSeesItsClosingsAndNoOthers(t *testing.T) {
	shop := setup(t)
	second, elsewhere := shop.newTill("s1", "t2"), shop.newTill("s2", "t3")
	require.Empty(t, shop.till.names(""))
	require.Contains(t, string(shop.till.do("GET", "/closings", "").Body), `"closings":[]`)
	for _, by := range []*till{shop.till, second, elsewhere, shop.till, second, shop.till} {
		by.closed()
	}
	for _, by := range []*till{shop.till, second} {
		require.Equal(t, []string{"t1/3", "t2/2", "t1/2", "t2/1", "t1/1"}, by.names(""))
		require.Equal(t, []string{"t1/3", "t1/2", "t1/1"}, by.names("&terminal_id=t1"))
		require.Equal(t, []string{"t2/2", "t2/1"}, by.names("&terminal_id=t2"))
		require.Empty(t, by.names("&terminal_id=t3"))
		require.Empty(t, by.names("&terminal_id=t1~2"))
		require.Equal(t, "t1/3", named(t, by.do("GET", "/closings/3?terminal_id=t1", "")))
		refuses(t, by.do("GET", "/closings/1?terminal_id=t3", ""), 404, refusal.NotFound)
	}
	require.Equal(t, []string{"t3/1"}, elsewhere.names(""))
	refuses(t, elsewhere.do("GET", "/closings/1?terminal_id=t1", ""), 404, refusal.NotFound)
	refuses(t, second.do("GET", "/closings/3", ""), 404, refusal.NotFound)
	for _, n := range []string{"0", "-1", "01", "x", "1.0", "9999999999999999999999", "999999999999999999", "%31x"} {
		refuses(t, shop.till.do("GET", "/closings/"+n, ""), 404, refusal.NotFound)
	}
	page := read[closingsPage](t, shop.till.do("GET", "/closings?limit=1", ""))
	shop.till.closed() // new ones don't shift the pages
	next := read[closingsPage](t, shop.till.do("GET", "/closings?limit=1&cursor="+*page.NextCursor, ""))
	require.Equal(t, "t2/2", named(t, reply{Body: next.Closings[0]}))
	entries := "AQAAAAAAAAAC" // a cursor of another call
	for _, query := range []string{
		"limit=", "limit=0", "limit=201", "limit=x", "cursor=", "cursor=x", "cursor=" + entries, "cursor=" + (*page.NextCursor)[:4],
		"cursor=" + *page.NextCursor + "AAAA",
		"terminal_id=", "terminal_id=T1", "terminal_id=t1~", "terminal_id=t1~01", "terminal_id=%00", "terminal_id=" + strings.Repeat("x", 33),
	} {
		refuses(t, shop.till.do("GET", "/closings?"+query, ""), 400, refusal.BadRequest)
	}
	refuses(t, shop.till.do("GET", "/closings/1?terminal_id=T1", ""), 400, refusal.BadRequest)
}

func TestWhoAsksForAClosingHasNothingToSay(t *testing.T) {
	shop := setup(t)
	post := func(body string, headers ...string) reply {
		return shop.till.do("POST", "/closings", body, append([]string{"Idempotency-Key", newKey()}, headers...)...)
	}
	for i, body := range []string{"", "{}", " { }\n"} {
		r := post(body)
		require.Equal(t, 201, r.Status, "%s", r.Body)
		require.Equal(t, fmt.Sprintf("t1/%d", i+1), named(t, r))
	}
	for body, code := range map[string]refusal.Code{
		"[]": refusal.InvalidRecord, "null": refusal.InvalidRecord, `"x"`: refusal.InvalidRecord, `{"a":1}`: refusal.MalformedJSON, "{": refusal.MalformedJSON,
		"{}{}": refusal.MalformedJSON, " ": refusal.MalformedJSON, "\xff": refusal.MalformedJSON,
	} {
		refuses(t, post(body), map[refusal.Code]int{refusal.InvalidRecord: 422, refusal.MalformedJSON: 400}[code], code)
	}
	refuses(t, post("{}", "Content-Type", "text/plain"), 415, refusal.MediaType)
	refuses(t, post("{}"+strings.Repeat(" ", 1<<10)), 413, refusal.BodyTooLarge)
	refuses(t, shop.till.do("POST", "/closings", ""), 400, refusal.KeyMissing)
	refuses(t, shop.till.askToClose("01a1f94f-e264-7599-97ba-9d8ea7e314e5"), 400, refusal.KeyInvalid)
	require.Equal(t, 3, query[int](shop, "SELECT count(*)::int FROM audit.closing"))
}
