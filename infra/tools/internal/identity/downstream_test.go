package identity_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

// copied waits until a copy has n messages.
func copied(t *testing.T, js jetstream.JetStream, name string, n uint64) {
	t.Helper()
	testkit.Eventually(t, soon, "the copy has the sales", func() error {
		if got := messages(t, js, name); got != n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return nil
	})
}

func TestDownstreamReadsWithItsOwnConsumersWhateverBecomesOfTheOrigin(t *testing.T) {
	h := setup(t)
	conn := h.as(identity.Downstream)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	live, err := conn.SubscribeSync("sales.>")
	require.NoError(t, err)
	require.NoError(t, conn.FlushTimeout(soon))
	h.sell(5)
	_, err = live.NextMsg(soon)
	require.NoError(t, err)
	copied(t, js, stream.SalesRecorded, 5)

	reader, err := js.CreateConsumer(t.Context(), stream.SalesRecorded, jetstream.ConsumerConfig{Durable: "analytics", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	read := func() {
		t.Helper()
		msg, err := reader.Next(jetstream.FetchMaxWait(soon))
		require.NoError(t, err)
		require.NoError(t, msg.DoubleAck(t.Context()))
	}
	for range 5 {
		read()
	}
	ordered, err := js.OrderedConsumer(t.Context(), stream.SalesRecorded, jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	_, err = ordered.Next(jetstream.FetchMaxWait(soon))
	require.NoError(t, err)
	copyOf, err := js.Stream(t.Context(), stream.SalesRecorded)
	require.NoError(t, err)
	_, err = copyOf.GetMsg(t.Context(), 2)
	require.NoError(t, err)
	names := js.StreamNames(t.Context())
	var seen []string
	for name := range names.Name() {
		seen = append(seen, name)
	}
	require.ElementsMatch(t, []string{stream.SalesRecorded, stream.SalesPriced, stream.SalesAnchored, stream.SalesClosed}, seen)

	gateway, err := jetstream.New(h.as(identity.Gateway))
	require.NoError(t, err)
	_, err = gateway.Publish(t.Context(), "sales.v1.closed.s1", []byte("{}"))
	require.NoError(t, err)
	copied(t, js, stream.SalesClosed, 1)

	origin, err := h.js.Stream(t.Context(), stream.SalesRecorded)
	require.NoError(t, err)
	require.NoError(t, origin.Purge(t.Context()))
	h.sell(1)
	read()
	cfg := origin.CachedInfo().Config
	require.NoError(t, h.js.DeleteStream(t.Context(), stream.SalesRecorded)) // and its sequence begins at 1 again, far behind the copy's
	_, err = h.js.CreateStream(t.Context(), cfg)
	require.NoError(t, err)
	h.sell(2)
	read()
	read()
	require.NoError(t, js.DeleteConsumer(t.Context(), stream.SalesRecorded, "analytics"))
	require.False(t, refused(t, conn))
}

// What JetStream sends for a client, no right of the client is checked for: consumers deliver to any subject, pulls and reads answer
// to any reply. The server allows each of these; none of it may reach the services or remove a stream.
func TestWhatJetStreamSendsForDownstreamReachesNobodyElse(t *testing.T) {
	h := setup(t)
	h.sell(3)
	conn := h.as(identity.Downstream)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	copied(t, js, stream.SalesRecorded, 3)
	_, err = js.CreateConsumer(t.Context(), stream.SalesRecorded, jetstream.ConsumerConfig{Durable: "mine", AckPolicy: jetstream.AckNonePolicy, HeadersOnly: true})
	require.NoError(t, err)
	received := make(chan string, 100)
	for name, subject := range map[string]string{identity.Ledger: "ops.ledger.>", identity.Gateway: "ops.gateway.>", identity.Operator: "sales.>"} {
		spy := h.as(name)
		_, err := spy.Subscribe(subject, func(m *nats.Msg) { received <- m.Subject })
		require.NoError(t, err)
		require.NoError(t, spy.FlushTimeout(soon))
	}

	targets := []string{
		"ops.ledger.parked.replay", "ops.gateway.terminals.list", "sales.v1.dlq.pricing", "sales.v1.recorded.s1",
		"$JS.API.STREAM.DELETE." + stream.SalesRecorded, "$JS.API.STREAM.PURGE." + stream.SalesRecorded, "$JS.API.STREAM.DELETE." + stream.SalesDLQ,
		"$JS.API.STREAM.UPDATE." + stream.SalesRecorded, "tillseal.api.CONSUMER.CREATE." + stream.SalesRecorded,
	}
	for i, subject := range targets {
		for _, headersOnly := range []bool{true, false} {
			name := fmt.Sprintf("push-%d-%t", i, headersOnly)
			push := fmt.Sprintf(`{"stream_name":%q,"config":{"durable_name":%q,"deliver_subject":%q,"ack_policy":"none","deliver_policy":"all","headers_only":%t}}`,
				stream.SalesRecorded, name, subject, headersOnly)
			made, err := conn.Request("$JS.API.CONSUMER.CREATE."+stream.SalesRecorded+"."+name, []byte(push), soon)
			require.NoError(t, err)
			require.NotContains(t, string(made.Data), `"error"`, subject)
		}
		for request, body := range map[string]string{
			"$JS.API.CONSUMER.MSG.NEXT." + stream.SalesRecorded + ".mine": `{"batch":10,"no_wait":true}`, // an empty message, which means that there are no more
			"$JS.API.DIRECT.GET." + stream.SalesRecorded:                  `{"seq":1}`,
			"$JS.API.STREAM.INFO." + stream.SalesRecorded:                 ``,
		} {
			require.NoError(t, conn.PublishRequest(request, subject, []byte(body)))
		}
	}
	require.False(t, refused(t, conn), "the server lets all of it")
	require.Equal(t, uint64(3), messages(t, js, stream.SalesRecorded))

	testkit.Eventually(t, soon, "what somebody could receive is sent", func() error {
		last, err := js.PushConsumer(t.Context(), stream.SalesRecorded, fmt.Sprintf("push-%d-true", len(targets)-1))
		if err == nil && last.CachedInfo().Delivered.Consumer < 3 {
			err = errors.New("not yet")
		}
		return err
	})
	control := make(chan string, 100)
	_, err = conn.Subscribe("_INBOX.downstream.mine", func(m *nats.Msg) { control <- m.Subject })
	require.NoError(t, err)
	require.NoError(t, conn.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+stream.SalesRecorded+".mine", "_INBOX.downstream.mine",
		[]byte(`{"batch":1,"no_wait":true}`)))
	select {
	case <-control: // what was sent before it has arrived, wherever it went
	case <-time.After(soon):
		t.Fatal("a reply of its own does not arrive either")
	}
	require.Empty(t, received)
	require.Equal(t, uint64(3), messages(t, h.js, stream.SalesRecorded))
	_, err = h.js.Stream(t.Context(), stream.SalesDLQ)
	require.NoError(t, err)
	origin, err := h.js.Stream(t.Context(), stream.SalesRecorded)
	require.NoError(t, err)
	var readers []string
	consumers := origin.ConsumerNames(t.Context())
	for name := range consumers.Name() {
		readers = append(readers, name)
	}
	require.NoError(t, consumers.Err())
	require.Equal(t, []string{stream.DurablePricing}, readers, "no event is a request for a consumer")

	// In the services' account it would have: this is why downstream has one of its own.
	operator := h.as(identity.Operator)
	_, err = h.js.CreateConsumer(t.Context(), stream.SalesDLQ, jetstream.ConsumerConfig{Durable: "mine", AckPolicy: jetstream.AckNonePolicy})
	require.NoError(t, err)
	require.NoError(t, operator.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+stream.SalesDLQ+".mine", "$JS.API.STREAM.DELETE."+stream.SalesDLQ,
		[]byte(`{"batch":1,"no_wait":true}`)))
	testkit.Eventually(t, soon, "an empty message to JetStream's interface deletes a stream", func() error {
		if _, err := h.js.Stream(t.Context(), stream.SalesDLQ); err == nil {
			return errors.New("it is still there")
		}
		return nil
	})
}
