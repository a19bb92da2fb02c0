package identity_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/infra/tools/internal/copies"
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

func TestIdentitiesAreMadeOnceForTheirHoldersAlone(t *testing.T) {
	dir := t.TempDir()
	seed := func(name string) string { return filepath.Join(dir, name, "seed") }
	made, err := identity.Keep(seed)
	require.NoError(t, err)
	kept, err := identity.Keep(seed)
	require.NoError(t, err)
	require.Equal(t, made, kept)
	different := map[string]bool{}
	for _, name := range identity.Names {
		different[made[name]] = true
		info, err := os.Stat(seed(name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}
	require.Len(t, different, len(identity.Names))

	require.NoError(t, os.WriteFile(seed(identity.Ledger), []byte("sesame"), 0o600))
	_, err = identity.Keep(seed)
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, seed(identity.Ledger))
	require.NotContains(t, err.Error(), "sesame")
	content, err := os.ReadFile(seed(identity.Ledger))
	require.NoError(t, err)
	require.Equal(t, "sesame", string(content), "whoever put it there may want it back")

	require.NoError(t, os.Remove(seed(identity.Ledger)))
	renewed, err := identity.Keep(seed)
	require.NoError(t, err)
	require.NotEqual(t, made[identity.Ledger], renewed[identity.Ledger])
	require.Equal(t, made[identity.Gateway], renewed[identity.Gateway])
}

func TestAServerWithoutTheIdentitiesDoesNotStart(t *testing.T) {
	_, err := identity.ServerConf(nil)
	require.ErrorContains(t, err, "NKEY_GATEWAY")
}

// What the services do rarely, or only with sources of prices, and the tests of the whole engine don't wait for.
func TestServicesMayDoWhatTheyRarelyDo(t *testing.T) {
	h := setup(t)
	writers := map[string]string{
		"sales.v1.recorded.s1": identity.Gateway, "sales.v1.priced.s1": identity.Pricing, "sales.v1.anchored.s1": identity.Anchor,
		"batches.v1.sealed": identity.Anchor, "sales.v1.dlq.ledger": identity.Ledger, "sales.v1.closed.s1": identity.Gateway,
	}
	for subject, writer := range writers {
		js, err := jetstream.New(h.as(writer))
		require.NoError(t, err)
		for range 3 {
			_, err := js.Publish(t.Context(), subject, []byte("{}"))
			require.NoError(t, err)
		}
	}
	for _, s := range stream.Topologies(1, 1) {
		if len(s.Durables) == 0 {
			continue // a bucket
		}
		consumer, err := h.js.Consumer(t.Context(), s.Stream.Name, s.Durables[0].Durable)
		require.NoError(t, err)
		first, err := consumer.Next(jetstream.FetchMaxWait(soon))
		require.NoError(t, err)
		require.NoError(t, first.DoubleAck(t.Context())) // so that the age of the second is read
	}
	watches := map[string]int{identity.Gateway: 2, identity.Pricing: 3, identity.Anchor: 4, identity.Ledger: 5}
	for _, service := range []string{identity.Gateway, identity.Pricing, identity.Anchor, identity.Ledger} { // who deletes durables comes last
		bus, err := stream.Connect(service, h.config(service), slog.New(slog.NewTextHandler(t.Output(), nil)))
		require.NoError(t, err)
		require.NoError(t, bus.Ensure(t.Context()))
		seen := bus.Standings(t.Context())
		require.Len(t, seen, watches[service], service)
		for _, s := range seen {
			require.Equal(t, uint64(2), s.Pending, "%s of %s", s.Stream, service)
		}
		if service == identity.Pricing {
			for range 2 { // made, then found
				limited, cancel := context.WithTimeout(t.Context(), soon)
				bucket, err := bus.Bucket(limited, stream.BucketRates)
				cancel()
				require.NoError(t, err)
				require.NotNil(t, bucket, "within %s", soon)
				_, err = bucket.Put(t.Context(), "INR.agreed", []byte("{}"))
				require.NoError(t, err)
				_, err = bucket.Get(t.Context(), "INR.agreed")
				require.NoError(t, err)
			}
		}
		if service == identity.Ledger {
			for _, durable := range stream.Durables() {
				_, err := bus.Position(t.Context(), durable)
				require.NoError(t, err)
				require.NoError(t, bus.Reset(t.Context(), durable))
			}
		}
		require.False(t, refused(t, bus.Conn), service)
		bus.Close()
	}
}

func TestCopiesTakeTheirSizeFromThePeakAndAreNotMadeTwice(t *testing.T) {
	h := setup(t)
	js, err := jetstream.New(h.as(identity.Downstream))
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	requests := func() uint64 {
		info, err := js.AccountInfo(t.Context())
		require.NoError(t, err)
		return info.API.Total
	}
	size := func() int64 {
		s, err := js.Stream(t.Context(), stream.SalesAnchored)
		require.NoError(t, err)
		return s.CachedInfo().Config.MaxBytes
	}
	before, small := requests(), size()
	require.NoError(t, copies.Make(t.Context(), copies.Config{Stream: h.config(identity.Copier)}, log))
	require.Equal(t, before+uint64(6), requests(), "a check of each of four, and the two of this test: nothing was changed")
	cfg := h.config(identity.Copier)
	cfg.PeakSalesPerSecond = 2
	require.NoError(t, copies.Make(t.Context(), copies.Config{Stream: cfg}, log))
	require.Equal(t, 2*small, size())
	cfg.PeakSalesPerSecond = 100_000
	err = copies.Make(t.Context(), copies.Config{Stream: cfg}, log)
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "PEAK_SALES_PER_SECOND")
}
