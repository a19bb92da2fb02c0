package local_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/testkit"
)

func TestAClusterKeepsItsStreamsWithoutOneOfItsNodes(t *testing.T) {
	c, err := local.StartNATSCluster(t.Context(), local.NATSClusterConfig{Dir: closedDir(t), Nodes: 3})
	require.NoError(t, err)
	defer c.Stop()
	nc, err := nats.Connect(c.URL(), nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), testkit.Patient)
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc, testkit.PatientJS)
	require.NoError(t, err)
	made, err := js.CreateStream(limited(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, Replicas: 3})
	require.NoError(t, err)
	// A node that has not yet heard of the new stream answers that nobody listens on its subject.
	_, err = js.Publish(limited(t), "s", []byte("x"), jetstream.WithRetryAttempts(math.MaxInt))
	require.NoError(t, err)

	leader, err := c.Node(made.CachedInfo().Cluster.Leader)
	require.NoError(t, err)
	leader.Stop()
	var state jetstream.StreamState
	testkit.Eventually(t, 2*time.Minute, "another node leads the stream", func() error {
		attempt, cancel := context.WithTimeout(t.Context(), 5*time.Second) // an answer lost with its node never comes
		defer cancel()
		s, err := js.Stream(attempt, "S")
		if err != nil {
			return err
		}
		if state = s.CachedInfo().State; s.CachedInfo().Cluster.Leader == "" {
			return errors.New("nobody leads")
		}
		return nil
	})
	require.Equal(t, uint64(1), state.Msgs)
	require.NoError(t, leader.Restart(t.Context()))
	_, err = c.Node("elsewhere")
	require.Error(t, err)
}

func TestTwoNodesAreNoCluster(t *testing.T) {
	_, err := local.StartNATSCluster(t.Context(), local.NATSClusterConfig{Dir: closedDir(t), Nodes: 2})
	require.ErrorContains(t, err, "three nodes")
}
