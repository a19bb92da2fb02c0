package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

type terminalKey struct {
	Number    int32     `json:"key_number"`
	CreatedAt time.Time `json:"created_at"`
}

// terminalAnswer has the members of all answers about terminals.
type terminalAnswer struct {
	TerminalID string        `json:"terminal_id"`
	StoreID    string        `json:"store_id"`
	Status     string        `json:"status"`
	Key        string        `json:"key"`
	KeyNumber  int32         `json:"key_number"`
	Keys       []terminalKey `json:"keys"`
	Terminals  []struct {
		TerminalID string        `json:"terminal_id"`
		StoreID    string        `json:"store_id"`
		Status     string        `json:"status"`
		Keys       []terminalKey `json:"keys"`
	} `json:"terminals"`
	Next string `json:"next"`
}

// operate asks as an operator does: ops.gateway.terminals.<verb>.
func (s *shop) operate(verb, request string) (terminalAnswer, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), soon)
	defer cancel()
	return stream.Ask[terminalAnswer](ctx, s.bus, "ops.gateway.terminals."+verb, json.RawMessage(request))
}

func (s *shop) must(verb, request string) terminalAnswer {
	s.t.Helper()
	a, err := s.operate(verb, request)
	require.NoError(s.t, err)
	return a
}

// withinASecond is the time that operators are promised.
const withinASecond = time.Second + busyMachine

func (s *shop) followsWithinASecond(t *till, status int) {
	s.t.Helper()
	start := time.Now()
	eventually(s.t, fmt.Sprintf("a request is answered %d", status), func() error {
		if r := t.post(newKey(), tea); r.Status != status {
			return fmt.Errorf("%d", r.Status)
		}
		return nil
	})
	require.Less(s.t, time.Since(start), withinASecond)
}

func TestATillChangesItsKeyWhileItSells(t *testing.T) {
	shop := setup(t)
	other := shop.addGateway()
	old := shop.till
	old.at(other).sell(newKey(), tea)
	rotated := shop.must("rotate", `{"terminal_id":"t1"}`)
	require.Equal(t, int32(2), rotated.KeyNumber)
	require.Len(t, rotated.Keys, 2)
	require.Equal(t, "s1", rotated.StoreID)
	fresh := &till{t, shop.gates[0].url, rotated.Key}
	key := newKey()
	first, sold := fresh.sell(key, tea)
	require.Equal(t, "t1", sold.TerminalID)
	again, _ := old.sell(key, tea) // one terminal, whichever key
	require.Equal(t, first.Body, again.Body)

	_, err := shop.operate("rotate", `{"terminal_id":"t1"}`)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	left := shop.must("revoke", `{"terminal_id":"t1","key_number":1}`)
	require.Len(t, left.Keys, 1)
	require.Equal(t, int32(2), left.Keys[0].Number)
	shop.followsWithinASecond(old.at(other), 401)
	shop.followsWithinASecond(old, 401)
	refuses(t, old.post(newKey(), tea), 401, refusal.Unauthenticated)
	fresh.at(other).sell(newKey(), tea)
	require.Len(t, shop.must("revoke", `{"terminal_id":"t1","key_number":1}`).Keys, 1)

	require.Empty(t, shop.must("revoke", `{"terminal_id":"t1","all_keys":true}`).Keys)
	shop.followsWithinASecond(fresh, 401)
	require.Equal(t, int32(3), shop.must("rotate", `{"terminal_id":"t1"}`).KeyNumber)
}

func TestASuspendedTerminalIsLetInAgainWhenItResumes(t *testing.T) {
	shop := setup(t)
	other := shop.addGateway()
	shop.till.sell(newKey(), tea)
	shop.till.at(other).sell(newKey(), tea)
	for range 2 {
		require.Equal(t, "suspended", shop.must("suspend", `{"terminal_id":"t1"}`).Status)
	}
	shop.followsWithinASecond(shop.till, 403)
	shop.followsWithinASecond(shop.till.at(other), 403)
	refuses(t, shop.till.do("GET", "/customers/C-1001/loyalty", ""), 403, refusal.Forbidden)
	require.Equal(t, "active", shop.must("resume", `{"terminal_id":"t1"}`).Status)
	shop.followsWithinASecond(shop.till, 201)
	shop.followsWithinASecond(shop.till.at(other), 201)
}

func TestOperatorsSeeTerminalsAndNoKeys(t *testing.T) {
	shop := setup(t)
	nine := shop.newTill("s2", "t9")
	shop.must("suspend", `{"terminal_id":"t9"}`)
	shop.must("revoke", `{"terminal_id":"t1","key_number":1}`)
	shop.must("rotate", `{"terminal_id":"t1"}`)
	shop.must("rotate", `{"terminal_id":"t1"}`)
	all := shop.must("list", `{}`)
	require.Len(t, all.Terminals, 2)
	require.Empty(t, all.Next)
	require.Equal(t, "t1", all.Terminals[0].TerminalID)
	require.Equal(t, "active", all.Terminals[0].Status)
	require.Equal(t, int32(2), all.Terminals[0].Keys[0].Number)
	require.Equal(t, int32(3), all.Terminals[0].Keys[1].Number)
	require.Equal(t, "suspended", all.Terminals[1].Status)
	require.Len(t, shop.must("list", `{"store_id":"s2"}`).Terminals, 1)
	require.Empty(t, shop.must("list", `{"after":"t9"}`).Terminals)
	msg, err := shop.bus.Conn.Request("ops.gateway.terminals.list", nil, soon)
	require.NoError(t, err)
	require.NotContains(t, string(msg.Data), "hash")
	require.NotContains(t, string(msg.Data), nine.key)
	require.NotContains(t, shop.gates[0].log.String(), "till_")

	var many strings.Builder
	many.WriteString("WITH n AS (SELECT 'x' || lpad(i::text, 4, '0') AS id FROM generate_series(1, 600) i), " +
		"t AS (INSERT INTO sales.terminal SELECT id, 's3' FROM n) ")
	many.WriteString("INSERT INTO sales.terminal_status SELECT id FROM n RETURNING terminal_id")
	query[string](shop, many.String())
	page := shop.must("list", `{"store_id":"s3"}`)
	require.Len(t, page.Terminals, 500)
	require.Equal(t, "x0500", page.Next)
	require.Empty(t, page.Terminals[0].Keys)
	require.Len(t, shop.must("list", `{"store_id":"s3","after":"x0500"}`).Terminals, 100)
}

func TestAnOperatorsMistakeIsNamed(t *testing.T) {
	shop := setup(t)
	for request, says := range map[string]string{
		`add {"store_id":"S 1","terminal_id":"t2"}`:                  "a-z 0-9 -",
		`add {"store_id":"s1"}`:                                      "a-z 0-9 -",
		`rotate {"terminal_id":"t7"}`:                                "no such terminal",
		`rotate {}`:                                                  "terminal_id",
		`rotate {"terminal":"t1"}`:                                   "must look like",
		`revoke {"terminal_id":"t7","key_number":1}`:                 "no such terminal",
		`revoke {"terminal_id":"t1"}`:                                "name the key",
		`revoke {"terminal_id":"t1","key_number":1,"all_keys":true}`: "name the key",
		`revoke {"terminal_id":"t1","key_number":-1}`:                "name the key",
		`revoke {"terminal_id":"t1","key_number":7}`:                 "no key with this number",
		`suspend {"terminal_id":"t7"}`:                               "no such terminal",
		`resume {"terminal_id":"\u0000"}`:                            "terminal_id",
		`list {"store_id":"?"}`:                                      "must be ids",
	} {
		verb, body, _ := strings.Cut(request, " ")
		_, err := shop.operate(verb, body)
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", request, err)
		require.ErrorContains(t, err, says, request)
		require.NotContains(t, err.Error(), "change a terminal's keys", "an operator gets the refusal alone")
	}
	_, err := shop.operate("add", `{"store_id":"s2","terminal_id":"t1"}`)
	require.True(t, fault.Is(err, fault.Conflict))
	shop.till.sell(newKey(), tea)
}

func TestManyRotationsAtOnceLeaveTwoLiveKeys(t *testing.T) {
	shop := setup(t)
	shop.addGateway()
	given := 0
	for _, err := range together(12, func(int) error { _, err := shop.operate("rotate", `{"terminal_id":"t1"}`); return err }) {
		if err == nil {
			given++
		}
	}
	require.LessOrEqual(t, given, 1)
	live := 0
	testkit.Eventually(t, soon, "one came through", func() error {
		all, err := shop.operate("list", `{}`)
		if err != nil {
			return err
		}
		if live = len(all.Terminals[0].Keys); live == 1 { // Postgres had no time for any
			_, err := shop.operate("rotate", `{"terminal_id":"t1"}`)
			return fmt.Errorf("none did: %w", err)
		}
		return nil
	})
	require.Equal(t, 2, live)
}

func TestOperatorsRequestsDescribeThemselves(t *testing.T) {
	shop := setup(t)
	msg, err := shop.bus.Conn.Request("$SRV.INFO.gateway", nil, soon)
	require.NoError(t, err)
	var info micro.Info
	require.NoError(t, json.Unmarshal(msg.Data, &info))
	var subjects []string
	for _, e := range info.Endpoints {
		subjects = append(subjects, strings.TrimPrefix(strings.TrimPrefix(e.Subject, "ops.gateway."), "terminals."))
		require.NotEmpty(t, e.Metadata["description"], e.Subject)
		require.True(t, json.Valid([]byte(e.Metadata["request"])), e.Subject)
		require.True(t, json.Valid([]byte(e.Metadata["response"])), e.Subject)
	}
	require.ElementsMatch(t, []string{"add", "list", "rotate", "revoke", "suspend", "resume", "points.adjust", "series.next"}, subjects)
}

func TestSomebodyWhoGuessesKeysShutsNoNewTillOut(t *testing.T) {
	shop := setup(t)
	stop := make(chan struct{})
	var guessed atomic.Int64
	var guessing sync.WaitGroup
	for range 8 {
		guessing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				guess := "Bearer till_" + strings.ReplaceAll(newKey()+newKey(), "-", "")[:43]
				r, err := shop.till.try(http.MethodGet, "/idempotency/"+newKey(), "", "Authorization", guess)
				if err != nil || r.Status != http.StatusUnauthorized {
					t.Errorf("%v %d %s", err, r.Status, r.Body)
					return
				}
				guessed.Add(1)
			}
		})
	}
	defer guessing.Wait()
	defer close(stop)
	eventually(t, "many keys were guessed", func() error {
		if n := guessed.Load(); n < 1500 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	shop.newTill("s1", "t2").sell(newKey(), tea)
}
