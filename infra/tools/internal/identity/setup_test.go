package identity_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/copies"
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const soon = time.Minute // a busy machine, and the pauses after which JetStream tries a source again

// house is a NATS with the identities, the streams, their durables and the copies.
type house struct {
	t    *testing.T
	nats *local.NATS
	dir  string
	js   jetstream.JetStream // the operator's
}

func setup(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	keys, err := identity.Keep(h.seed)
	require.NoError(t, err)
	conf, err := identity.ServerConf(keys)
	require.NoError(t, err)
	h.nats = testkit.NATS(t, func(c *local.NATSConfig) { c.Conf = conf })
	bus, err := stream.Connect(identity.Ledger, h.config(identity.Ledger), slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	require.NoError(t, bus.Ensure(t.Context()))
	bus.Close()
	require.NoError(t, copies.Make(t.Context(), copies.Config{Stream: h.config(identity.Copier)}, slog.New(slog.NewTextHandler(t.Output(), nil))))
	h.js, err = jetstream.New(h.as(identity.Operator))
	require.NoError(t, err)
	for _, s := range stream.Topologies(1, 1) {
		for _, durable := range s.Durables {
			_, err := h.js.CreateOrUpdateConsumer(t.Context(), s.Stream.Name, durable)
			require.NoError(t, err)
		}
	}
	return h
}

func (h *house) seed(name string) string { return filepath.Join(h.dir, name+".nk") }

func (h *house) config(name string) stream.Config {
	return stream.Config{URL: config.Secret(h.nats.URL()), NKeyFile: h.seed(name), PeakSalesPerSecond: 1}
}

// as connects as an identity.
func (h *house) as(name string) *nats.Conn {
	h.t.Helper()
	login, err := nats.NkeyOptionFromSeed(h.seed(name))
	require.NoError(h.t, err)
	conn, err := nats.Connect(h.nats.URL(), login, nats.CustomInboxPrefix(identity.InboxPrefix(name)),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	require.NoError(h.t, err)
	h.t.Cleanup(conn.Close)
	return conn
}

// bus connects as a service does, with what it logs.
func (h *house) bus(service string) (*stream.Bus, *testkit.Log) {
	h.t.Helper()
	log := &testkit.Log{}
	bus, err := stream.Connect(service, h.config(service), slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(h.t, err)
	h.t.Cleanup(bus.Close)
	return bus, log
}

// refusals are how many requests a service has refused, by subject.
func (h *house) refusals(service string) map[string]int {
	h.t.Helper()
	answer, err := h.as(identity.Operator).Request("$SRV.STATS."+service, nil, soon)
	require.NoError(h.t, err)
	var stats struct {
		Endpoints []struct {
			Subject string
			Data    stream.Stats
		}
	}
	require.NoError(h.t, json.Unmarshal(answer.Data, &stats))
	refused := make(map[string]int)
	for _, e := range stats.Endpoints {
		refused[e.Subject] = int(e.Data.Refused)
	}
	return refused
}

// sell has the gateway publish n sales.
func (h *house) sell(n int) {
	h.t.Helper()
	js, err := jetstream.New(h.as(identity.Gateway))
	require.NoError(h.t, err)
	for range n {
		_, err := js.Publish(h.t.Context(), "sales.v1.recorded.s1", []byte(`{"sale_id":"01a2049c-fe3a-7c04-b785-ff40d06a3cea","kind":"sale"}`))
		require.NoError(h.t, err)
	}
}

// write has each service write a message into every stream that is its to write.
func (h *house) write(data []byte) {
	h.t.Helper()
	for subject, by := range map[string]string{
		"sales.v1.recorded.s1": identity.Gateway, "$KV.RATES.INR": identity.Pricing, "sales.v1.anchored.s1": identity.Anchor, "sales.v1.priced.s1": identity.Pricing,
	} {
		js, err := jetstream.New(h.as(by))
		require.NoError(h.t, err)
		_, err = js.Publish(h.t.Context(), subject, data)
		require.NoError(h.t, err)
	}
}

// messages are a stream's, as one sees it.
func messages(t *testing.T, js jetstream.JetStream, name string) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	require.NoError(t, err)
	return s.CachedInfo().State.Msgs
}

// refused reports whether the server refused what was just done.
func refused(t *testing.T, conn *nats.Conn) bool {
	t.Helper()
	require.NoError(t, conn.FlushTimeout(soon)) // a refusal comes before the answer to this
	return errors.Is(conn.LastError(), nats.ErrPermissionViolation)
}
