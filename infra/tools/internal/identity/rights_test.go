package identity_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// act is what one tries: to publish (or request) on a subject, or to subscribe to it.
type act struct {
	subscribe bool
	subject   string
}

func publish(subject string) act   { return act{subject: subject} }
func subscribe(subject string) act { return act{subject: subject, subscribe: true} }

func (a act) String() string {
	if a.subscribe {
		return "subscribe to " + a.subject
	}
	return "publish to " + a.subject
}

func (a act) refusedTo(t *testing.T, conn *nats.Conn) bool {
	t.Helper()
	if a.subscribe {
		sub, err := conn.SubscribeSync(a.subject)
		require.NoError(t, err)
		defer func() { _ = sub.Unsubscribe() }()
	} else {
		require.NoError(t, conn.Publish(a.subject, []byte("-"))) // nothing that JetStream's interface would do something for
	}
	return refused(t, conn)
}

// Each row is an act and who may do it; everybody else is refused. Downstream's account has streams of its own under the same names.
var rights = []struct {
	act act
	may []string
}{
	{publish("sales.v1.recorded.s1"), []string{identity.Gateway, identity.Ledger}},
	{publish("sales.v1.priced.s1"), []string{identity.Pricing}},
	{publish("sales.v1.anchored.s1"), []string{identity.Anchor}},
	{publish("sales.v1.closed.s1"), []string{identity.Gateway, identity.Ledger}},
	{publish("batches.v1.sealed"), []string{identity.Anchor}},
	{publish("audit.v1.finding"), []string{identity.Ledger}},
	{subscribe("audit.v1.finding"), []string{identity.Operator}},
	{publish("sales.v1.dlq.pricing"), []string{identity.Pricing}},
	{publish("sales.v1.dlq.anchor"), []string{identity.Anchor}},
	{publish("sales.v1.dlq.ledger"), []string{identity.Ledger}},
	{publish("$KV.RATES.INR"), []string{identity.Pricing}},
	{publish("ledger.proofs.get"), []string{identity.Gateway, identity.Operator}},
	{publish("ledger.sales.get"), []string{identity.Gateway, identity.Operator}},
	{publish("ledger.log.get"), []string{identity.Gateway, identity.Operator}},
	{publish("pricing.currencies.get"), []string{identity.Gateway, identity.Operator}},
	{subscribe("pricing.currencies.get"), []string{identity.Pricing}},
	{subscribe("ledger.proofs.get"), []string{identity.Ledger}},
	{subscribe("ledger.sales.get"), []string{identity.Ledger}},
	{subscribe("ledger.log.get"), []string{identity.Ledger}},
	{publish("ops.anchor.batches.announce"), []string{identity.Ledger, identity.Operator}},
	{publish("ops.anchor.batches.resend"), []string{identity.Operator}},
	{publish("ops.gateway.terminals.add"), []string{identity.Operator}},
	{publish("ops.ledger.parked.replay"), []string{identity.Operator}},
	{publish("ops.ledger.audit.start"), []string{identity.Operator}},
	{publish("ops.pricing.quote"), []string{identity.Operator}},
	{subscribe("ops.gateway.>"), []string{identity.Gateway}},
	{subscribe("ops.pricing.>"), []string{identity.Pricing}},
	{subscribe("ops.anchor.>"), []string{identity.Anchor}},
	{subscribe("ops.ledger.>"), []string{identity.Ledger}},
	{subscribe("$SRV.PING.anchor"), []string{identity.Anchor}},
	{publish("$SRV.STATS.anchor"), []string{identity.Operator}},
	{subscribe("sales.>"), []string{identity.Operator, identity.Downstream}},
	{subscribe("batches.>"), []string{identity.Operator}},
	{subscribe("tillseal.copy.>"), nil},
	{subscribe(">"), nil},
	{publish("$JS.API.STREAM.UPDATE.SALES_RECORDED"), []string{identity.Ledger, identity.Operator, identity.Copier}}, // the copier's own
	{publish("$JS.API.STREAM.UPDATE.SALES_CLOSED"), []string{identity.Ledger, identity.Operator, identity.Copier}},
	{publish("$JS.API.STREAM.MSG.GET.SALES_CLOSED"), []string{identity.Gateway, identity.Ledger, identity.Operator}},
	{publish("$JS.API.STREAM.UPDATE.SALES_DLQ"), []string{identity.Ledger, identity.Operator}},
	{publish("$JS.API.STREAM.CREATE.SALES_DLQ"), []string{identity.Ledger, identity.Operator}},
	{publish("$JS.API.STREAM.CREATE.KV_RATES"), []string{identity.Ledger, identity.Operator}},
	{publish("$JS.API.STREAM.CREATE.OTHER"), []string{identity.Operator}},
	{publish("$JS.API.STREAM.PURGE.SALES_RECORDED"), []string{identity.Operator}},
	{publish("$JS.API.STREAM.DELETE.SALES_RECORDED"), []string{identity.Operator}},
	{publish("$JS.API.STREAM.MSG.DELETE.SALES_RECORDED"), []string{identity.Operator}},
	{publish("$JS.API.STREAM.UPDATE.KV_RATES"), []string{identity.Ledger, identity.Operator}},
	{publish("$JS.API.DIRECT.GET.SALES_RECORDED"), []string{identity.Operator, identity.Downstream}}, // of the copy
	{publish("$JS.API.DIRECT.GET.KV_RATES.$KV.RATES.INR"), []string{identity.Operator, identity.Downstream}},
	{publish("$JS.API.STREAM.MSG.GET.KV_RATES"), []string{identity.Pricing, identity.Operator}},
	// Downstream's are requests to the copies, which have no such durables.
	{publish("$JS.API.CONSUMER.MSG.NEXT.SALES_RECORDED.pricing"), []string{identity.Pricing, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.MSG.NEXT.SALES_PRICED.anchor"), []string{identity.Anchor, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.MSG.NEXT.SALES_DLQ.ledger-parked"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.MSG.NEXT.SALES_CLOSED.ledger-closed"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{publish("$JS.ACK.SALES_CLOSED.ledger-closed.1.1.1.1.0"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{publish("$JS.ACK.SALES_PRICED.anchor.1.1.1.1.0"), []string{identity.Anchor, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.CREATE.SALES_RECORDED.pricing"), []string{identity.Pricing, identity.Ledger, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.CREATE.SALES_PRICED.anchor"), []string{identity.Anchor, identity.Ledger, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.CREATE.SALES_DLQ.ledger-parked"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.CREATE.SALES_CLOSED.ledger-closed"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.CREATE.SALES_RECORDED.other"), []string{identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.DELETE.SALES_RECORDED.pricing"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.DELETE.SALES_CLOSED.ledger-closed"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{publish("$JS.API.CONSUMER.PAUSE.SALES_RECORDED.pricing"), []string{identity.Operator}},
	{publish("$JS.API.CONSUMER.LEADER.STEPDOWN.SALES_RECORDED.pricing"), []string{identity.Operator}},
	{publish("tillseal.api.CONSUMER.CREATE.SALES_RECORDED"), nil},
	{publish("tillseal.api.CONSUMER.CREATE.SALES_CLOSED"), nil},
	{publish("tillseal.copy.x"), nil},
	{publish("$SYS.REQ.SERVER.PING"), []string{identity.Sys}},
	{subscribe("$SYS.ACCOUNT.TILLSEAL.CONNECT"), []string{identity.Sys}},
}

func TestEachIdentityMayDoItsWorkAndNothingElse(t *testing.T) {
	h := setup(t)
	for _, row := range rights {
		for _, name := range identity.Names {
			if name == identity.Sys && !slices.Contains(row.may, name) {
				continue // in an account of its own, where there is nothing of ours
			}
			conn := h.as(name)
			got := row.act.refusedTo(t, conn)
			conn.Close() // downstream's account has a limit of connections
			require.Equal(t, !slices.Contains(row.may, name), got, "%s, %s: refused", name, row.act)
		}
	}
}

// A till's new key and a proof's salt are in answers.
func TestNobodyHearsAnothersAnswers(t *testing.T) {
	h := setup(t)
	everybody := map[string]*nats.Conn{}
	for _, name := range identity.Names {
		if name != identity.Sys { // in an account of its own, where there is nothing of ours
			everybody[name] = h.as(name)
		}
	}
	for name, conn := range everybody {
		for _, other := range identity.Names {
			inbox := conn.NewInbox()
			if other != name {
				inbox = nats.InboxPrefix + other + ".x"
			}
			require.Equal(t, other != name, subscribe(inbox).refusedTo(t, h.as(name)), "%s receives %s", name, inbox)
		}
		for _, wide := range []string{"_INBOX.>", "_INBOX.*", "_INBOX.*.>", "_INBOX.*.*.*", "*.>", nats.NewInbox()} {
			require.True(t, subscribe(wide).refusedTo(t, h.as(name)), "%s receives %s", name, wide)
		}
	}
}

// A service that finds no stream waits for the ledger, and does not ask for what it has no right to.
func TestStreamsAreMadeByTheLedgerAndOthersWaitForIt(t *testing.T) {
	h := setup(t)
	require.NoError(t, h.js.DeleteStream(t.Context(), stream.SalesDLQ))
	waiting := make(map[string]chan error)
	buses := make(map[string]*stream.Bus)
	for _, name := range []string{identity.Gateway, identity.Pricing, identity.Anchor} {
		bus, log := h.bus(name)
		waiting[name] = make(chan error, 1)
		buses[name] = bus
		go func() { waiting[name] <- bus.Ensure(t.Context()) }()
		testkit.Eventually(t, soon, name+" says what it waits for", func() error {
			if text := log.String(); !strings.Contains(text, "stream SALES_DLQ does not exist yet: waiting for the ledger to create it") {
				return errors.New(text)
			}
			return nil
		})
	}
	ledger, _ := h.bus(identity.Ledger)
	drifts, err := ledger.Restore(t.Context())
	require.NoError(t, err)
	require.Empty(t, drifts, "recreated, and as described")
	for name, done := range waiting {
		require.NoError(t, <-done)
		require.False(t, refused(t, buses[name].Conn), name)
	}
}

// What JetStream sends for a client goes to any subject that the client names as its reply: no service obeys it.
func TestNobodyGivesAnOrderThroughJetStream(t *testing.T) {
	h := setup(t)
	anchor, log := h.bus(identity.Anchor)
	var obeyed atomic.Int32
	const order = "ops.anchor.rates.accept"
	stop, err := anchor.Serve(t.Context(), "test", stream.Answers(stream.Endpoint{Subject: order}, func(context.Context, map[string]any) (string, error) {
		obeyed.Add(1)
		return "done", nil
	}))
	require.NoError(t, err)
	defer stop()
	const last = `{"seq":1}`
	relays := []struct{ by, subject, body string }{
		{identity.Gateway, "$JS.API.STREAM.MSG.GET.SALES_RECORDED", last},
		{identity.Gateway, "$JS.API.STREAM.INFO.SALES_RECORDED", ""},
		{identity.Gateway, "$JS.API.CONSUMER.INFO.SALES_RECORDED.pricing", ""},
		{identity.Gateway, "sales.v1.recorded.s1", "{}"}, // JetStream's acknowledgement
		{identity.Pricing, "$JS.API.STREAM.MSG.GET.KV_RATES", `{"last_by_subj":"$KV.RATES.INR"}`},
		{identity.Pricing, "$JS.API.CONSUMER.MSG.NEXT.SALES_RECORDED.pricing", "1"},
		{identity.Pricing, "$JS.API.CONSUMER.MSG.NEXT.SALES_RECORDED.pricing", `{"batch":1,"no_wait":true}`},
		{identity.Anchor, "$JS.API.STREAM.MSG.GET.SALES_ANCHORED", last},
		{identity.Anchor, "$JS.API.CONSUMER.MSG.NEXT.SALES_PRICED.anchor", `{"batch":1,"no_wait":true}`},
	}
	h.write([]byte(`{"currency":"INR","value":"1","operator":"somebody","reason":"none"}`))
	for received, relay := range relays {
		conn := h.as(relay.by)
		require.NoError(t, conn.PublishRequest(relay.subject, order, []byte(relay.body)))
		require.False(t, refused(t, conn), "%s may ask %s", relay.by, relay.subject)
		testkit.Eventually(t, soon, "the message arrives and is refused", func() error {
			if got := h.refusals("anchor"); got[order] != received+1 {
				return fmt.Errorf("%v, after %s", got, relay.subject)
			}
			return nil
		})
	}
	require.Zero(t, obeyed.Load())
	require.Equal(t, 1, strings.Count(log.String(), "ALARM: a request without an inbox for its answer was ignored"), "of many one is told")
	_, err = h.as(identity.Operator).Request(order, []byte("{}"), soon)
	require.NoError(t, err)
	require.Equal(t, int32(1), obeyed.Load())
}

// Nor does JetStream's own interface obey what a service wrote into a stream. Only that a stream holds nothing more is obeyed, as the order
// to delete another: then the ledger recreates that.
func TestNoServiceChangesAStreamThroughJetStream(t *testing.T) {
	h := setup(t)
	made, err := h.js.Stream(t.Context(), stream.SalesPriced)
	require.NoError(t, err)
	cfg := made.CachedInfo().Config
	cfg.MaxMsgs = 1
	forged, err := json.Marshal(cfg)
	require.NoError(t, err)
	h.write(forged)
	const update = "$JS.API.STREAM.UPDATE." + stream.SalesPriced
	const remove = "$JS.API.STREAM.DELETE." + stream.SalesDLQ
	for _, relay := range []struct{ by, subject, body, to string }{
		{identity.Gateway, "$JS.API.STREAM.MSG.GET.SALES_RECORDED", `{"seq":1}`, update},
		{identity.Gateway, "$JS.API.STREAM.INFO.SALES_RECORDED", "", update},
		{identity.Pricing, "$JS.API.STREAM.MSG.GET.KV_RATES", `{"last_by_subj":"$KV.RATES.INR"}`, update},
		{identity.Pricing, "$JS.API.STREAM.MSG.GET.SALES_PRICED", `{"seq":1}`, update},
		{identity.Anchor, "$JS.API.STREAM.MSG.GET.SALES_ANCHORED", `{"seq":1}`, update},
		{identity.Anchor, "$JS.API.CONSUMER.MSG.NEXT.SALES_PRICED.anchor", "1", update},
		{identity.Pricing, "$JS.API.CONSUMER.MSG.NEXT.SALES_RECORDED.pricing", "1", update},
		{identity.Pricing, "$JS.API.CONSUMER.MSG.NEXT.SALES_RECORDED.pricing", `{"batch":1,"no_wait":true}`, remove},
	} {
		conn := h.as(relay.by)
		require.NoError(t, conn.PublishRequest(relay.subject, relay.to, []byte(relay.body)))
		require.False(t, refused(t, conn), "%s may ask %s", relay.by, relay.subject)
	}
	testkit.Eventually(t, soon, "the last of them is obeyed", func() error {
		_, err := h.js.Stream(t.Context(), stream.SalesDLQ)
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("the stream is there: %w", err)
		}
		return nil
	})
	made, err = h.js.Stream(t.Context(), stream.SalesPriced)
	require.NoError(t, err)
	require.Equal(t, int64(-1), made.CachedInfo().Config.MaxMsgs)
	ledger, log := h.bus(identity.Ledger)
	drifts, err := ledger.Restore(t.Context())
	require.NoError(t, err)
	require.Empty(t, drifts)
	require.Contains(t, log.String(), "a stream is gone and is being recreated")
	_, err = h.js.Stream(t.Context(), stream.SalesDLQ)
	require.NoError(t, err)
}

func TestNobodyLogsInWithoutAnIdentity(t *testing.T) {
	h := setup(t)
	_, err := nats.Connect(h.nats.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	_, err = nats.Connect(h.nats.URL(), nats.UserInfo("tillseal", "local-nats"))
	require.ErrorIs(t, err, nats.ErrAuthorization)
	stranger := t.TempDir() + "/stranger.nk"
	_, err = identity.Keep(func(string) string { return stranger })
	require.NoError(t, err)
	login, err := nats.NkeyOptionFromSeed(stranger)
	require.NoError(t, err)
	_, err = nats.Connect(h.nats.URL(), login)
	require.ErrorIs(t, err, nats.ErrAuthorization)
}

func TestTheServerStartsAgainWithItsIdentitiesAndStreams(t *testing.T) {
	h := setup(t)
	h.sell(3)
	require.NoError(t, h.nats.Restart(t.Context()))
	js, err := jetstream.New(h.as(identity.Operator))
	require.NoError(t, err)
	require.Equal(t, uint64(3), messages(t, js, stream.SalesRecorded))
}
