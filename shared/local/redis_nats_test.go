package local_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestRedisKeepsOnlyWhatItWasToldTo(t *testing.T) {
	for name, durable := range map[string]bool{"durable": true, "memory": false} {
		t.Run(name, func(t *testing.T) {
			r, err := local.StartRedis(t.Context(), local.RedisConfig{
				Tools: tools(t), Dir: closedDir(t), Durable: durable, Settings: map[string]string{"appendfsync": "always"},
			})
			require.NoError(t, err)
			defer func() { require.NoError(t, r.Stop(t.Context())) }()
			options, err := redis.ParseURL(r.URL())
			require.NoError(t, err)
			client := redis.NewClient(options)
			defer client.Close()
			require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
			pid := r.Pid()
			r.Kill()
			require.True(t, gone(pid))
			require.Error(t, client.Ping(t.Context()).Err())
			require.NoError(t, r.Restart(t.Context()))
			if durable {
				require.Equal(t, "v", client.Get(t.Context(), "k").Val())
			} else {
				require.ErrorIs(t, client.Get(t.Context(), "k").Err(), redis.Nil)
			}
		})
	}
}

func TestRedisAsksForItsPassword(t *testing.T) {
	r, err := local.StartRedis(t.Context(), local.RedisConfig{Tools: tools(t), Dir: closedDir(t)})
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Stop(t.Context())) }()
	options, err := redis.ParseURL(r.URL())
	require.NoError(t, err)
	options.Password = ""
	client := redis.NewClient(options)
	defer client.Close()
	require.ErrorContains(t, client.Ping(t.Context()).Err(), "NOAUTH")
}

func TestNATSKeepsItsStreamsAndPortOverARestart(t *testing.T) {
	n, err := local.StartNATS(t.Context(), local.NATSConfig{Dir: closedDir(t), SyncInterval: -1})
	require.NoError(t, err)
	defer n.Stop()
	nc, err := nats.Connect(n.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(0), testkit.Patient)
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc, testkit.PatientJS)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}})
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), "s", []byte("x"))
	require.NoError(t, err)

	n.Stop()
	require.NoError(t, n.Restart(t.Context()))
	require.NoError(t, nc.FlushWithContext(limited(t)))
	stream, err := js.Stream(limited(t), "S")
	require.NoError(t, err)
	require.Equal(t, uint64(1), stream.CachedInfo().State.Msgs)
}

func TestANATSThatTurnsItsStreamsOffSaysSoAndARestartBringsThemBack(t *testing.T) {
	n, err := local.StartNATS(t.Context(), local.NATSConfig{Dir: closedDir(t)})
	require.NoError(t, err)
	defer n.Stop()
	require.NoError(t, n.TurnStreamsOff())
	require.ErrorContains(t, n.AwaitFailure(limited(t)), "JetStream off")
	require.NoError(t, n.Restart(t.Context()))
	well, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, n.AwaitFailure(well), context.Canceled, "it serves")
	n.Stop()
	require.ErrorIs(t, n.AwaitFailure(well), context.Canceled, "whom somebody has stopped has not failed")
}

func TestNATSIsGivenUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := closedDir(t)
	_, err := local.StartNATS(ctx, local.NATSConfig{Dir: dir})
	require.ErrorIs(t, err, context.Canceled)
	require.NoDirExists(t, filepath.Join(dir, "jetstream"), "it was not begun")
}
