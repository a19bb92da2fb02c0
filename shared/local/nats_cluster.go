package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sync/errgroup"
)

// clusterName is the same for all: clusters of other processes have other routes.
const clusterName = "tillseal"

// NATSClusterConfig describes the cluster to run.
type NATSClusterConfig struct {
	Dir          string          // a directory for each node is made in it
	Nodes        int             // 3 or more
	SyncInterval time.Duration   // as in NATSConfig
	Base         *server.Options // as in NATSConfig
	Conf         string          // as in NATSConfig, over Base
	Log          *slog.Logger    // as in NATSConfig, with each line's node
	Progress     io.Writer       // as in NATSConfig
}

// NATSCluster is a JetStream cluster inside this process, on loopback.
type NATSCluster struct {
	Nodes []*NATS

	routes []claim // on which they talk to each other
}

// StartNATSCluster starts the nodes and returns once they have a leader and every one of them takes part. ctx bounds the start
// only.
func StartNATSCluster(ctx context.Context, cfg NATSClusterConfig) (_ *NATSCluster, err error) {
	if cfg.Nodes < 3 {
		return nil, errors.New("a JetStream cluster needs three nodes to survive the loss of one")
	}
	routes := make([]*url.URL, cfg.Nodes)
	c := &NATSCluster{Nodes: make([]*NATS, cfg.Nodes), routes: make([]claim, cfg.Nodes)}
	for i := range routes {
		if c.routes[i], err = claimPort("NATS", 0, ""); err != nil {
			return nil, err
		}
		routes[i] = &url.URL{Scheme: "nats-route", Host: c.routes[i].address()}
	}
	group, starting := errgroup.WithContext(ctx)
	for i := range cfg.Nodes {
		name := "node-" + strconv.Itoa(i+1)
		base := &server.Options{}
		if cfg.Base != nil {
			base = cfg.Base.Clone()
		}
		base.ServerName, base.Routes = name, routes
		base.Cluster = server.ClusterOpts{Name: clusterName, Host: loopback, Port: c.routes[i].number, NoAdvertise: true}
		log := cfg.Log
		if log != nil {
			log = log.With("node", name)
		}
		group.Go(func() (err error) {
			c.Nodes[i], err = StartNATS(starting, NATSConfig{
				Dir: filepath.Join(cfg.Dir, name), SyncInterval: cfg.SyncInterval, Base: base, Conf: cfg.Conf, Log: log, Progress: cfg.Progress,
			})
			return err
		})
	}
	err = group.Wait()
	if err == nil {
		err = c.await(ctx)
	}
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// await waits until all running nodes agree on a leader.
func (c *NATSCluster) await(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !c.ready() {
		select {
		case <-limited.Done():
			return fmt.Errorf("the cluster did not agree on a leader: %w", limited.Err())
		case <-tick.C:
		}
	}
	return nil
}

func (c *NATSCluster) ready() bool {
	leads := false
	for _, n := range c.Nodes {
		n.mu.Lock()
		s := n.server
		ready := s != nil && s.JetStreamIsCurrent()
		leads = leads || s != nil && s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(c.Nodes)
		n.mu.Unlock()
		if !ready {
			return false
		}
	}
	return leads
}

// URL names every node, as NATS_URL takes them.
func (c *NATSCluster) URL() string {
	urls := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		urls[i] = n.URL()
	}
	return strings.Join(urls, ",")
}

// Node finds a node by the name that JetStream reports as a leader's.
func (c *NATSCluster) Node(name string) (*NATS, error) {
	i, err := strconv.Atoi(strings.TrimPrefix(name, "node-"))
	if err != nil || i < 1 || i > len(c.Nodes) {
		return nil, fmt.Errorf("no node is named %q", name)
	}
	return c.Nodes[i-1], nil
}

// Stop ends every node that still runs.
func (c *NATSCluster) Stop() {
	var group errgroup.Group
	for _, n := range c.Nodes {
		if n != nil {
			group.Go(func() error { n.Stop(); return nil })
		}
	}
	_ = group.Wait() // Stop has no error
}
