package gateway_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// TestAnyDayAtTheTillsIsAnsweredAsABookkeeperWould runs random days of sales, refunds, redemptions, retries and batches at three tills
// of two stores, and compares every answer's bytes with the bookkeeper's.
func TestAnyDayAtTheTillsIsAnsweredAsABookkeeperWould(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.json")
	require.NoError(t, os.WriteFile(path, []byte(bookRules), 0o600))
	shop := setup(t, func(c *gateway.Config) { c.LoyaltyRules = path })
	tills := map[counter]*till{
		{"s1", "t1"}: shop.till, {"s1", "t2"}: shop.newTill("s1", "t2"), {"s2", "t3"}: shop.newTill("s2", "t3"),
	}
	steps := flag.Lookup("rapid.steps").Value // a hundred days of this many requests cost seconds
	all := steps.String()
	require.NoError(t, steps.Set("15"))
	defer func() { require.NoError(t, steps.Set(all)) }()
	number := 0
	rapid.Check(t, func(rt *rapid.T) {
		number++
		d := &day{rt: rt, tills: tills, book: newBookkeeper(), number: int64(number)}
		d.book.chains = shop.chains()
		rt.Repeat(map[string]func(*rapid.T){
			"alone": func(rt *rapid.T) { d.rt = rt; d.alone() },
			"retry": func(rt *rapid.T) { d.rt = rt; d.retry() },
			"batch": func(rt *rapid.T) { d.rt = rt; d.batch() },
		})
		d.rt = rt
		d.checkAccounts()
	})
	shop.checkBooks()
}

// chains are the terminals' chains as the days before have left them.
func (s *shop) chains() map[string]chainBook {
	s.t.Helper()
	var all map[string]struct {
		Records uint64
		Head    string
	}
	require.NoError(s.t, json.Unmarshal(query[[]byte](s, `SELECT json_object_agg(terminal_id, json_build_object('records', records, 'head', head_hash))
		FROM audit.terminal`), &all))
	chains := make(map[string]chainBook, len(all))
	for id, c := range all {
		chains[id] = chainBook{number: c.Records, head: c.Head}
	}
	return chains
}

// day is one run at the tills.
type day struct {
	rt     *rapid.T
	tills  map[counter]*till
	book   *bookkeeper
	number int64
	sent   []sent // what was accepted or refused, in order
}

// sent is a ticket on its way.
type sent struct {
	from counter
	key  string
	ticket
}

// text is the ticket's JSON value, spelt one way.
func (s sent) text() string {
	text, err := json.Marshal(s.ticket)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (d *day) one(of int, label string) bool { return rapid.IntRange(1, of).Draw(d.rt, label) == 1 }

func (d *day) counter() counter {
	return rapid.SampledFrom([]counter{{"s1", "t1"}, {"s1", "t1"}, {"s1", "t2"}, {"s2", "t3"}}).Draw(d.rt, "till")
}

// next draws what a till sends: something new, now and then under a used key.
func (d *day) next(from counter) sent {
	s := sent{from: from, key: newKey()}
	if used := d.of(from); len(used) > 0 && d.one(8, "used key") {
		s.key = rapid.SampledFrom(used).Draw(d.rt, "whose key").key
	}
	if rapid.IntRange(0, 2).Draw(d.rt, "refund") == 0 && len(d.sent) > 0 {
		s.ticket = d.drawRefund(from)
	} else {
		s.ticket = d.drawSale()
	}
	if d.one(4, "numbered") {
		seq := d.number*1000 + rapid.Int64Range(0, 5).Draw(d.rt, "number")
		s.Seq = &seq
	}
	if d.one(4, "offline") {
		s.Offline, s.OccurredAt = true, "2026-11-20T10:00:00+05:30"
	}
	return s
}

// of is what a till has sent.
func (d *day) of(from counter) []sent {
	var out []sent
	for _, s := range d.sent {
		if s.from == from {
			out = append(out, s)
		}
	}
	return out
}

// alone sends one record.
func (d *day) alone() {
	s := d.next(d.counter())
	d.sent = append(d.sent, s)
	d.post(s)
}

// retry sends again what was sent before, spelt otherwise, or another record under its key.
func (d *day) retry() {
	if len(d.sent) == 0 {
		return
	}
	s := rapid.SampledFrom(d.sent).Draw(d.rt, "again")
	if d.one(3, "another record") {
		s.Total = map[bool]string{true: "3", false: "2"}[s.Total == "2"]
	}
	d.post(s)
}

func (d *day) post(s sent) {
	want := d.book.take(s.from, s.key, s.text(), s.ticket)
	r, err := d.tills[s.from].try(http.MethodPost, "/record", respelt(d.rt, s.text()), "Idempotency-Key", s.key)
	require.NoError(d.rt, err)
	require.Equal(d.rt, want.status, r.Status, "%s: %s of %s", want.code, r.Body, s.text())
	require.Equal(d.rt, want.replay, r.Header.Get("Idempotency-Replayed") == "true")
	d.compare(want, r.Body)
}

// batch sends up to eight records of one till at once: new ones, retries, and the same one twice.
func (d *day) batch() {
	from := d.counter()
	var (
		body  bytes.Buffer
		batch []sent
		want  []verdict
	)
	for i := range rapid.IntRange(1, 8).Draw(d.rt, "records") {
		s := d.next(from)
		if before := d.of(from); len(before) > 0 && d.one(4, "again") {
			s = rapid.SampledFrom(before).Draw(d.rt, "which")
		}
		d.sent = append(d.sent, s)
		batch, want = append(batch, s), append(want, d.book.take(from, s.key, s.text(), s.ticket))
		body.WriteString([]string{"[", ","}[min(i, 1)] + entry(s.key, respelt(d.rt, s.text())))
	}
	body.WriteString("]")
	r, err := d.tills[from].try(http.MethodPost, "/record/batch", body.String())
	require.NoError(d.rt, err)
	require.Equal(d.rt, http.StatusOK, r.Status, "%s", r.Body)
	var got []landed
	require.NoError(d.rt, json.Unmarshal(r.Body, &got))
	require.Len(d.rt, got, len(batch))
	for i, one := range got {
		require.Equal(d.rt, `"`+batch[i].key+`"`, string(one.Key))
		require.Equal(d.rt, want[i].status, one.Status, "%s: %s of %s", want[i].code, one.Body, batch[i].text())
		d.compare(want[i], one.Body)
	}
}

// compare holds an answer against the bookkeeper's, and lets the bookkeeper know what only the gateway can.
func (d *day) compare(want verdict, body []byte) {
	if want.slip == nil {
		var problem struct {
			Code   refusal.Code
			Status int
		}
		require.NoError(d.rt, json.Unmarshal(body, &problem))
		require.Equal(d.rt, want.code, problem.Code, "%s", body)
		require.Equal(d.rt, want.status, problem.Status)
		return
	}
	s := want.slip
	if want.replay {
		require.Equal(d.rt, s.body, string(body))
		return
	}
	var a answer
	require.NoError(d.rt, json.Unmarshal(body, &a))
	chain := d.book.chains[s.from.terminal]
	require.Equal(d.rt, s.answer(a, chain), string(body))
	d.book.chains[s.from.terminal] = chainBook{number: chain.number + 1, head: a.Anchor.SaleHash}
	require.NotContains(d.rt, d.book.sales, a.SaleID)
	s.body, s.saleID = string(body), a.SaleID
	d.book.sales[a.SaleID] = s
	if s.customer != "" {
		book := d.book.customers[s.customer]
		require.Greater(d.rt, a.RecordedAt, book.lastAt)
		book.lastAt = a.RecordedAt
	}
}

// respelt is the same JSON value with other spaces and its members in another order.
func respelt(rt *rapid.T, text string) string {
	if rapid.IntRange(0, 2).Draw(rt, "respelt") > 0 {
		return text
	}
	var value map[string]any
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	require.NoError(rt, decoder.Decode(&value))
	other, err := json.MarshalIndent(value, "", " ") // by name
	require.NoError(rt, err)
	return string(other)
}

// checkAccounts asks for each customer's standing.
func (d *day) checkAccounts() {
	for id, book := range d.book.customers {
		r, err := d.tills[counter{"s2", "t3"}].try(http.MethodGet, "/customers/"+url.PathEscape(id)+"/loyalty", "")
		require.NoError(d.rt, err)
		tier, _ := bookTier(book.purchases)
		var got standing
		require.NoError(d.rt, json.Unmarshal(r.Body, &got))
		require.Equal(d.rt, standing{id, book.balance, book.purchases, tier}, got)
	}
}
