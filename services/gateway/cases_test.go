package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
)

// slipCase is a ticket that a till really printed, with the right answer.
type slipCase struct {
	Case    string          `json:"case"`
	Why     string          `json:"why"`
	Request json.RawMessage `json:"request"`
	Expect  struct {
		Status       int               `json:"status"`
		Code         refusal.Code      `json:"code"`
		Pointer      *string           `json:"pointer"`
		After        []json.RawMessage `json:"after"`      // recorded before at the same terminal
		AmountWei    string            `json:"amount_wei"` // of what is priced: 0 for a total of 0
		WithoutBonus *int64            `json:"points_earned_without_first_bonus"`
		Base         string            `json:"points_base"`
		Shortfall    bool              `json:"shortfall"`
		Unreferenced bool              `json:"unreferenced"`
		Warning      refusal.Code      `json:"warning"`
		NamesEarlier bool              `json:"names_earlier"`
		DetailNames  string            `json:"detail_names"`
		AtAnother    bool              `json:"at_another_terminal_of_the_store"`
	} `json:"expect"`
}

func slipCases(t *testing.T) []slipCase {
	t.Helper()
	raw, err := os.ReadFile("testdata/cases.json")
	require.NoError(t, err)
	var all []slipCase
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields() // whatever a case expects is looked at
	require.NoError(t, decoder.Decode(&all))
	require.NotEmpty(t, all)
	return all
}

// request is the case's, with lines that are written short written out, and what came before it filled in.
func (c *slipCase) request(t *testing.T, body json.RawMessage, sale, key string) string {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &members))
	var short string
	if json.Unmarshal(members["lines"], &short) == nil {
		var times int
		before, line, found := strings.Cut(short, " x ")
		require.True(t, found)
		_, err := fmt.Sscanf(before, "$%d", &times)
		require.NoError(t, err)
		members["lines"] = json.RawMessage("[" + strings.Repeat(line+",", times-1) + line + "]")
	}
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return strings.NewReplacer("$sale", sale, "$key", key).Replace(string(text))
}

// routes are the ways in which a till sends a record.
var routes = map[string]func(t *till, key, body string) reply{
	"alone": func(t *till, key, body string) reply { return t.post(key, body) },
	"in a batch": func(t *till, key, body string) reply {
		_, got := t.batch(entry(key, body))
		require.Len(t.t, got, 1)
		return reply{Status: got[0].Status, Body: got[0].Body, Header: http.Header{"Content-Type": {"application/problem+json"}}}
	},
}

func TestWhatTillsReallyPrintIsRecordedAsPrinted(t *testing.T) {
	shop := setup(t)
	sub, err := shop.bus.Conn.SubscribeSync(event.SubjectRecorded + ".s1")
	require.NoError(t, err)
	for n, c := range slipCases(t) {
		for name, send := range routes {
			t.Run(c.Case+" "+name, func(t *testing.T) {
				counter := fmt.Sprintf("case-%d-%d", n, len(name))
				till := shop.newTill("s1", counter)
				till.t = t
				// Each time it is another customer, who is new to the shop.
				own := func(body string) string {
					return strings.ReplaceAll(body, `"customer_id":"C-`, `"customer_id":"`+counter+`-C-`)
				}
				var first answer
				key := newKey()
				for i, before := range c.Expect.After {
					_, a := till.sell(key, own(c.request(t, before, first.SaleID, key)))
					if i == 0 {
						first = a
					}
					if i < len(c.Expect.After)-1 {
						key = newKey()
					}
				}
				if c.Expect.AtAnother {
					till = shop.newTill("s1", counter+"-other")
					till.t = t
				}
				body := own(c.request(t, c.Request, first.SaleID, key))
				r := send(till, newKey(), body)
				c.check(t, r, first)
				if c.Expect.Status == http.StatusCreated {
					requireTold(t, sub, read[answer](t, r).SaleID, body)
					requireReadBack(t, till, read[answer](t, r).SaleID, body)
				}
			})
		}
	}
}

func (c *slipCase) check(t *testing.T, r reply, first answer) {
	t.Helper()
	e := &c.Expect
	require.Equal(t, e.Status, r.Status, "%s: %s", c.Why, r.Body)
	if e.Status != http.StatusCreated {
		fields := refuses(t, r, e.Status, e.Code)
		if e.Pointer != nil {
			require.Equal(t, *e.Pointer, fields[0].Pointer)
		}
		p := read[struct {
			Detail string
			SaleID string `json:"sale_id"`
		}](t, r)
		require.Contains(t, p.Detail, e.DetailNames)
		if e.NamesEarlier {
			require.Equal(t, first.SaleID, p.SaleID)
			require.Contains(t, p.Detail, first.SaleID)
		}
		return
	}
	a := read[answer](t, r)
	require.Equal(t, e.Unreferenced, a.Unreferenced)
	if e.Warning == "" {
		require.Empty(t, a.Warnings)
	} else {
		require.Equal(t, []warning{{e.Warning, first.SaleID}}, a.Warnings)
	}
	if e.WithoutBonus != nil {
		require.Equal(t, *e.WithoutBonus, a.Loyalty.PointsEarned)
	}
	if e.Base != "" { // at a point for each dollar, with the bonus of the first purchase that earns on more than 0
		require.Equal(t, map[string]int64{"0.00": 0, "10.00": 10 + 50}[e.Base], a.Loyalty.PointsEarned)
	}
	if e.Shortfall {
		require.Equal(t, int64(200), a.Loyalty.Shortfall)
		require.Negative(t, a.Loyalty.PointsBalance)
	}
	if e.AmountWei == "0" {
		require.Equal(t, "0.00", a.Total)
	}
}

// repeated are the members of a record that its event repeats as they were sent.
var repeated = []string{"lines", "tenders", "occurred_at", "terminal_seq", "offline", "external_ref", "metadata"}

// requireTold requires that subscribers hear what was sent.
func requireTold(t *testing.T, sub *nats.Subscription, saleID, body string) {
	t.Helper()
	var said map[string]json.RawMessage
	for string(said["sale_id"]) != `"`+saleID+`"` {
		msg, err := sub.NextMsg(soon)
		require.NoError(t, err)
		said = nil
		require.NoError(t, json.Unmarshal(msg.Data, &said))
	}
	var sent map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(body), &sent))
	for _, name := range repeated {
		require.Equal(t, sent[name] == nil, said[name] == nil, name)
		if sent[name] != nil {
			require.JSONEq(t, string(sent[name]), string(said[name]), name)
		}
	}
}

// requireReadBack requires that the record is given back as it was sent.
func requireReadBack(t *testing.T, till *till, saleID, body string) {
	t.Helper()
	r := till.do(http.MethodGet, "/sales/"+saleID, "")
	require.Equal(t, http.StatusOK, r.Status, "%s", r.Body)
	shown := read[map[string]json.RawMessage](t, r)
	for name, sent := range read[map[string]json.RawMessage](t, reply{Body: []byte(body)}) {
		require.Equal(t, string(sent), string(shown[name]), name)
	}
}
