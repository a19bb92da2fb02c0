package identity_test

import (
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/shared/stream"
)

// act is what one tries: to publish (or request) on a subject, or to subscribe to it.
type act struct {
	subscribe bool
	subject   string
}

func say(subject string) act  { return act{subject: subject} }
func hear(subject string) act { return act{subject: subject, subscribe: true} }

func (a act) String() string {
	if a.subscribe {
		return "hear " + a.subject
	}
	return "say " + a.subject
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
	{say("sales.v1.recorded.s1"), []string{identity.Gateway, identity.Ledger}},
	{say("sales.v1.priced.s1"), []string{identity.Pricing}},
	{say("sales.v1.anchored.s1"), []string{identity.Anchor}},
	{say("batches.v1.sealed"), []string{identity.Anchor}},
	{say("sales.v1.dlq.pricing"), []string{identity.Pricing}},
	{say("sales.v1.dlq.anchor"), []string{identity.Anchor}},
	{say("sales.v1.dlq.ledger"), []string{identity.Ledger}},
	{say("$KV.RATES.INR"), []string{identity.Pricing}},
	{say("ledger.proofs.get"), []string{identity.Gateway, identity.Operator}},
	{say("ledger.sales.get"), []string{identity.Gateway, identity.Operator}},
	{hear("ledger.proofs.get"), []string{identity.Ledger}},
	{hear("ledger.sales.get"), []string{identity.Ledger}},
	{say("ops.anchor.batches.announce"), []string{identity.Ledger, identity.Operator}},
	{say("ops.anchor.batches.resend"), []string{identity.Operator}},
	{say("ops.gateway.terminals.add"), []string{identity.Operator}},
	{say("ops.ledger.parked.replay"), []string{identity.Operator}},
	{say("ops.pricing.quote"), []string{identity.Operator}},
	{hear("ops.gateway.>"), []string{identity.Gateway}},
	{hear("ops.pricing.>"), []string{identity.Pricing}},
	{hear("ops.anchor.>"), []string{identity.Anchor}},
	{hear("ops.ledger.>"), []string{identity.Ledger}},
	{hear("$SRV.PING.anchor"), []string{identity.Anchor}},
	{say("$SRV.STATS.anchor"), []string{identity.Operator}},
	{hear("sales.>"), []string{identity.Operator, identity.Downstream}},
	{hear("batches.>"), []string{identity.Operator}},
	{hear("tillseal.copy.>"), nil},
	{hear(">"), nil},
	{say("$JS.API.STREAM.UPDATE.SALES_RECORDED"), []string{identity.Ledger, identity.Operator, identity.Copier}}, // the copier's own
	{say("$JS.API.STREAM.UPDATE.SALES_DLQ"), []string{identity.Ledger, identity.Operator}},
	{say("$JS.API.STREAM.CREATE.SALES_DLQ"), []string{identity.Gateway, identity.Pricing, identity.Anchor, identity.Ledger, identity.Operator}},
	{say("$JS.API.STREAM.CREATE.OTHER"), []string{identity.Operator}},
	{say("$JS.API.STREAM.PURGE.SALES_RECORDED"), []string{identity.Operator}},
	{say("$JS.API.STREAM.DELETE.SALES_RECORDED"), []string{identity.Operator}},
	{say("$JS.API.STREAM.MSG.DELETE.SALES_RECORDED"), []string{identity.Operator}},
	{say("$JS.API.STREAM.UPDATE.KV_RATES"), []string{identity.Pricing, identity.Operator}},
	{say("$JS.API.CONSUMER.MSG.NEXT.SALES_RECORDED.pricing"), []string{identity.Pricing, identity.Operator, identity.Downstream}}, // of the copy, where it is none
	{say("$JS.API.CONSUMER.MSG.NEXT.SALES_PRICED.anchor"), []string{identity.Anchor, identity.Operator, identity.Downstream}},
	{say("$JS.API.CONSUMER.MSG.NEXT.SALES_DLQ.ledger-parked"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{say("$JS.ACK.SALES_PRICED.anchor.1.1.1.1.0"), []string{identity.Anchor, identity.Operator, identity.Downstream}},
	{say("$JS.API.CONSUMER.CREATE.SALES_RECORDED.pricing"), []string{identity.Pricing, identity.Ledger, identity.Operator, identity.Downstream}},
	{say("$JS.API.CONSUMER.CREATE.SALES_PRICED.anchor"), []string{identity.Anchor, identity.Ledger, identity.Operator, identity.Downstream}},
	{say("$JS.API.CONSUMER.CREATE.SALES_DLQ.ledger-parked"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{say("$JS.API.CONSUMER.CREATE.SALES_RECORDED.other"), []string{identity.Operator, identity.Downstream}},
	{say("$JS.API.CONSUMER.DELETE.SALES_RECORDED.pricing"), []string{identity.Ledger, identity.Operator, identity.Downstream}},
	{say("$JS.API.CONSUMER.PAUSE.SALES_RECORDED.pricing"), []string{identity.Operator}},
	{say("$JS.API.CONSUMER.LEADER.STEPDOWN.SALES_RECORDED.pricing"), []string{identity.Operator}},
	{say("tillseal.api.CONSUMER.CREATE.SALES_RECORDED"), nil},
	{say("tillseal.copy.x"), nil},
	{say("$SYS.REQ.SERVER.PING"), []string{identity.Sys}},
	{hear("$SYS.ACCOUNT.TILLSEAL.CONNECT"), []string{identity.Sys}},
}

func TestEachIdentityMayDoItsWorkAndNothingElse(t *testing.T) {
	h := setup(t)
	for _, row := range rights {
		for _, name := range identity.Names {
			if name == identity.Sys && !slices.Contains(row.may, name) {
				continue // in an account of its own, where there is nothing of ours
			}
			got := row.act.refusedTo(t, h.as(name))
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
			require.Equal(t, other != name, hear(inbox).refusedTo(t, h.as(name)), "%s hears %s", name, inbox)
		}
		for _, wide := range []string{"_INBOX.>", "_INBOX.*", "_INBOX.*.>", "_INBOX.*.*.*", "*.>", nats.NewInbox()} {
			require.True(t, hear(wide).refusedTo(t, h.as(name)), "%s hears %s", name, wide)
		}
	}
}

// Whoever may make a stream only when it is missing can't use that right to change it.
func TestAStreamThatIsThereIsNotChangedByMakingIt(t *testing.T) {
	h := setup(t)
	for _, name := range []string{identity.Gateway, identity.Pricing, identity.Anchor} {
		js, err := jetstream.New(h.as(name))
		require.NoError(t, err)
		_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: stream.SalesRecorded, Subjects: []string{"sales.v1.recorded.*"}, MaxMsgs: 1})
		require.ErrorIs(t, err, jetstream.ErrStreamNameAlreadyInUse, name)
	}
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
