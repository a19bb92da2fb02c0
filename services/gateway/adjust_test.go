package gateway_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
)

// ask sends an operator's request and returns its answer, or its error's code and text.
func (s *shop) ask(subject, body string) (answered []byte, refused string) {
	s.t.Helper()
	msg, err := s.bus.Conn.Request(subject, []byte(body), soon)
	require.NoError(s.t, err)
	if code := msg.Header.Get(micro.ErrorCodeHeader); code != "" {
		return nil, code + " " + msg.Header.Get(micro.ErrorHeader)
	}
	return msg.Data, ""
}

func (s *shop) adjust(key, customer string, points int64) (answered []byte, refused string) {
	s.t.Helper()
	return s.ask("ops.gateway.points.adjust", fmt.Sprintf(
		`{"key":%q,"customer_id":%q,"points":%d,"reason":"typed in twice","by":"asha"}`, key, customer, points))
}

func TestAnOperatorCorrectsACustomersPoints(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), `{"currency":"INR","total":"1000","customer_id":"C-7"}`) // 100 and the bonus of 50
	sub, err := shop.bus.Conn.SubscribeSync(event.SubjectRecorded + ".operator")
	require.NoError(t, err)
	key := newKey()
	first, refused := shop.adjust(key, "C-7", -50)
	require.Empty(t, refused)
	a := read[answer](t, reply{Body: first})
	require.Equal(t, []any{"adjustment", "operator", "operator", "XXX", "0", uint64(2)},
		[]any{a.Kind, a.StoreID, a.TerminalID, a.Currency, a.Total, a.RecordNumber}, "the first is the promises' key")
	require.Equal(t, []int64{0, -50, 0, 100}, []int64{a.Loyalty.PurchaseNumber, a.Loyalty.PointsEarned, a.Loyalty.PointsRedeemed, a.Loyalty.PointsBalance})
	require.False(t, a.Loyalty.FirstPurchase)
	require.NotEmpty(t, a.Promise)

	again, refused := shop.adjust(key, "C-7", -50)
	require.Empty(t, refused)
	require.Equal(t, string(first), string(again))
	_, refused = shop.adjust(key, "C-7", -49)
	require.Equal(t, "409 IDEMPOTENCY_KEY_REUSED: this Idempotency-Key has been used for another record", refused)
	_, refused = shop.adjust(newKey(), "C-7", 1<<53-1-99)
	require.Contains(t, refused, "/points is more than an account can hold")
	_, refused = shop.adjust(`"`+newKey()+`"`, "C-7", 1)
	require.Contains(t, refused, "/key must be a UUID v4")

	msg, err := sub.NextMsg(soon)
	require.NoError(t, err)
	said, err := event.Decode[event.SaleRecorded](msg.Data)
	require.NoError(t, err)
	require.Equal(t, []any{"adjustment", a.SaleID, "C-7", int64(-50), int64(-50), int64(100)},
		[]any{said.Kind, said.SaleID, said.CustomerID, said.PointsDelta, said.PointsEarned, said.PointsBalance})
	_, err = sub.NextMsg(1)
	require.ErrorIs(t, err, nats.ErrTimeout, "it is made, and said, once")

	// What the till sees of it, which is not of its store.
	require.Equal(t, standing{"C-7", 100, 1, "base"}, read[standing](t, shop.till.do("GET", "/customers/C-7/loyalty", "")))
	entries := read[entriesPage](t, shop.till.do("GET", "/customers/C-7/loyalty/entries", "")).Entries
	require.Equal(t, []any{"adjustment", "", int64(-50), int64(100)},
		[]any{entries[0].Kind, entries[0].SaleID, entries[0].PointsDelta, entries[0].PointsBalance})
	require.Equal(t, 404, shop.till.do("GET", "/sales/"+a.SaleID, "").Status)

	// A customer who has bought nothing yet has a first purchase to come.
	_, refused = shop.adjust(newKey(), "C-8", 30)
	require.Empty(t, refused)
	_, bought := shop.till.sell(newKey(), `{"currency":"INR","total":"100","customer_id":"C-8"}`)
	require.Equal(t, []int64{1, 60, 90}, []int64{bought.Loyalty.PurchaseNumber, bought.Loyalty.PointsEarned, bought.Loyalty.PointsBalance})
	shop.checkBooks()
}

func TestAnAdjustmentTakesNoBalanceBelowZeroAndSaysWhoDoesItAndWhy(t *testing.T) {
	shop := setup(t)
	shop.till.sell(newKey(), `{"currency":"INR","total":"1000","customer_id":"C-7"}`)
	before := shop.sales()
	_, refused := shop.adjust(newKey(), "C-7", -151)
	require.Equal(t, "400 INSUFFICIENT_POINTS: an adjustment takes no balance below zero: /points is -151, the balance is 150", refused)
	_, refused = shop.adjust(newKey(), "C-new", -1)
	require.Equal(t, "400 INSUFFICIENT_POINTS: an adjustment takes no balance below zero: /points is -1, the balance is 0", refused)
	const whole = `{"key":"0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b","customer_id":"C-7","points":5,"reason":"r","by":"b"}`
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(whole), &members))
	with := func(name, value string) string {
		changed := maps.Clone(members)
		if delete(changed, name); value != "" {
			changed[name] = json.RawMessage(value)
		}
		body, err := json.Marshal(changed)
		require.NoError(t, err)
		return string(body)
	}
	const rule = "400 INVALID_RECORD: the record breaks a rule: "
	for body, want := range map[string]string{
		"":                                 "400 MALFORMED_JSON: ",
		`{"key":1,"key":2}`:                "400 MALFORMED_JSON: ",
		`[]`:                               rule + "must be an object, not an array",
		with("note", `"x"`):                "400 MALFORMED_JSON: the record has unknown members: /note is not a member of a record",
		with("reason", ""):                 rule + "/reason is missing",
		with("reason", `" "`):              rule + "/reason is empty",
		with("by", ""):                     rule + "/by is missing",
		with("key", ""):                    rule + "/key is missing",
		with("key", `"x"`):                 rule + "/key must be a UUID v4",
		with("customer_id", ""):            rule + "/customer_id is missing",
		with("customer_id", `"a b"`):       rule + "/customer_id must be 1 to 64 of the characters",
		with("points", ""):                 rule + "/points is missing",
		with("points", `0`):                rule + "/points must be a whole number other than 0",
		with("points", `-0.5`):             rule + "/points must be a whole number other than 0",
		with("points", `"5"`):              rule + "/points must be a whole number other than 0",
		with("points", `9007199254740992`): rule + "/points must be a whole number other than 0",
	} {
		_, refused := shop.ask("ops.gateway.points.adjust", body)
		require.Contains(t, refused, want, body)
	}
	require.Equal(t, before, shop.sales())
	require.Equal(t, 1, query[int](shop, "SELECT count(*)::int FROM audit.loyalty_account"), "nobody got an account by it")

	// One that is below zero already may be brought nearer to it.
	_, sold := shop.till.sell(newKey(), `{"currency":"INR","total":"100","customer_id":"C-7","redeem_points":150}`)
	shop.till.sell(newKey(), `{"kind":"refund","customer_id":"C-7","currency":"INR","total":"2000"}`)
	_, refused = shop.adjust(newKey(), "C-7", 10)
	require.Empty(t, refused)
	_, refused = shop.adjust(newKey(), "C-7", -1)
	require.Contains(t, refused, "the balance is -")
	require.Equal(t, int64(6), sold.Loyalty.PointsEarned)
}

func TestAnAdjustmentIsMadeOnceByTwoGateways(t *testing.T) {
	shop := setup(t)
	shop.addGateway(func(c *gateway.Config) { c.PromiseKeyFile = shop.keyFile })
	key := newKey()
	answers := make(chan string, 8)
	for range cap(answers) {
		go func() {
			answered, refused := shop.adjust(key, "C-9", 30)
			answers <- string(answered) + refused
		}()
	}
	first := <-answers
	require.Contains(t, first, `"points_balance":30`)
	for range cap(answers) - 1 {
		require.Equal(t, first, <-answers)
	}
}

func TestABalanceStaysOneThatEveryReaderKeepsExact(t *testing.T) {
	shop := setup(t)
	const most = 1<<53 - 1
	_, refused := shop.adjust(newKey(), "C-7", most)
	require.Empty(t, refused)
	fields := refuses(t, shop.till.post(newKey(), `{"currency":"EUR","total":"1.00","customer_id":"C-7"}`), 422, refusal.InvalidRecord)
	require.Equal(t, refusal.Field{Pointer: "/total", Detail: "earns more points than an account can hold"}, fields[0])

	// What goes back belongs to its customer, and who has too much is not stuck.
	_, sold := shop.till.sell(newKey(), `{"currency":"INR","total":"25.00","customer_id":"C-7","redeem_points":100}`)
	_, refused = shop.adjust(newKey(), "C-7", 100)
	require.Empty(t, refused)
	_, back := shop.till.sell(newKey(), `{"kind":"refund","refund_of":"`+sold.SaleID+`","currency":"INR","total":"25.00"}`)
	require.Equal(t, int64(most+100), back.Loyalty.PointsBalance)
	shop.till.sell(newKey(), `{"currency":"INR","total":"0.25","customer_id":"C-7","redeem_points":1}`)
	_, refused = shop.adjust(newKey(), "C-7", -1)
	require.Empty(t, refused)

	owing := `{"kind":"refund","currency":"EUR","total":"900000000000000","customer_id":"C-8"}`
	for range 10 {
		shop.till.sell(newKey(), owing)
	}
	fields = refuses(t, shop.till.post(newKey(), owing), 422, refusal.InvalidRecord)
	require.Equal(t, refusal.Field{Pointer: "/total", Detail: "claws back more points than an account can owe"}, fields[0])
}
