package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// natsMaxStore bounds what JetStream keeps on a developer's disk; streams that ask for more are refused.
	natsMaxStore = 32 << 30
	// natsMaxMemory bounds streams kept in memory, of which Tillseal has none.
	natsMaxMemory = 64 << 20
	// natsCheckEvery is how often AwaitFailure checks whether the server still serves.
	natsCheckEvery = 500 * time.Millisecond
)

// NATSConfig describes the NATS server to run.
type NATSConfig struct {
	Dir          string          // its own directory, created when missing
	Port         int             // 0: a free one, the same over Restart
	PortVar      string          // the variable that sets Port, for the error about one in use
	SyncInterval time.Duration   // how often JetStream flushes to disk; 0: the server's default, two minutes; below 0: every write
	Base         *server.Options // users and permissions of a server without accounts; address, store and limits are ours
	Conf         string          // a nats.conf as text, over Base: accounts belong to one server, so each start reads it again
	Log          *slog.Logger    // gets warnings and errors; nil: none
	Progress     io.Writer       // one line a step; nil: silent
}

// NATS is a NATS server with JetStream inside this process, on loopback. It handles no signals.
type NATS struct {
	cfg  NATSConfig
	port claim
	lock *dirLock

	mu     sync.Mutex
	server *server.Server
}

// StartNATS starts the server and returns once clients and JetStream are served. ctx bounds the start only.
func StartNATS(ctx context.Context, cfg NATSConfig) (_ *NATS, err error) {
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fmt.Errorf("find the directory of NATS: %w", err)
	}
	lock, err := lockDir("NATS", cfg.Dir)
	if err != nil {
		return nil, err
	}
	n := &NATS{cfg: cfg, lock: lock}
	if err := startOnPort(ctx, "NATS", cfg.Port, cfg.PortVar, &n.port, n.start); err != nil {
		lock.release()
		return nil, err
	}
	report(cfg.Progress, "NATS on %s", n.port.address())
	return n, nil
}

func (n *NATS) options() (*server.Options, error) {
	o := &server.Options{}
	if n.cfg.Base != nil {
		o = n.cfg.Base.Clone()
	}
	if n.cfg.Conf != "" {
		if err := o.ProcessConfigString(n.cfg.Conf); err != nil {
			return nil, fmt.Errorf("read the configuration of NATS: %w", err)
		}
	}
	o.Host, o.Port = loopback, n.port.number
	o.NoSigs, o.NoLog = true, false
	o.HTTPPort, o.HTTPSPort = 0, 0
	o.JetStream, o.StoreDir = true, filepath.Join(n.cfg.Dir, "jetstream")
	o.JetStreamMaxMemory, o.JetStreamMaxStore = natsMaxMemory, natsMaxStore
	switch {
	case n.cfg.SyncInterval > 0:
		o.SyncInterval = n.cfg.SyncInterval
	case n.cfg.SyncInterval < 0:
		o.SyncAlways = true
	}
	return o, nil
}

// start runs one server on n.port; n.mu is held or n is not shared yet.
func (n *NATS) start(ctx context.Context) error {
	if err := ctx.Err(); err != nil { // a server may be ready before its limit is checked
		return fmt.Errorf("start of NATS aborted: %w", err)
	}
	options, err := n.options()
	if err != nil {
		return err
	}
	s, err := server.NewServer(options)
	if err != nil {
		return fmt.Errorf("configure NATS: %w", err)
	}
	log := &natsLog{to: n.cfg.Log, fatal: make(chan string, 1)}
	s.SetLoggerV2(log, false, false, false)
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.Start()
	}()
	abandon := func(cause error) error {
		s.Shutdown()
		<-started
		s.WaitForShutdown()
		return cause
	}
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !s.ReadyForConnections(time.Millisecond) || !s.JetStreamEnabled() {
		select {
		case reason := <-log.fatal:
			return abandon(fmt.Errorf("start NATS in %s: %s", n.cfg.Dir, reason))
		case <-limited.Done():
			return abandon(fmt.Errorf("start of NATS aborted: %w", limited.Err()))
		case <-tick.C:
		}
	}
	n.server = s
	return nil
}

// URL is where clients connect.
func (n *NATS) URL() string { return "nats://" + n.port.address() }

// Port is the port on loopback; it stays over Restart.
func (n *NATS) Port() int { return n.port.number }

// AwaitFailure returns an error once the server no longer serves clients or streams although it was not stopped: it turns JetStream off when
// it can't write to its disk, and carries on without. It returns ctx's error when ctx ends first.
func (n *NATS) AwaitFailure(ctx context.Context) error {
	tick := time.NewTicker(natsCheckEvery)
	defer tick.Stop()
	for {
		if err := n.failure(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (n *NATS) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.server == nil: // stopped, or its start failed and returned an error
		return nil
	case !n.server.Running():
		return errors.New("the server has ended by itself")
	case !n.server.JetStreamEnabled():
		return errors.New("the server has turned JetStream off, as it does when it can't write to its disk")
	}
	return nil
}

// Stop closes every connection, keeps the streams on disk and unlocks the directory. A second Stop is a no-op.
func (n *NATS) Stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stop()
	n.lock.release()
}

func (n *NATS) stop() {
	if n.server != nil {
		n.server.Shutdown()
		n.server.WaitForShutdown()
		n.server = nil
	}
}

// Restart stops the server if it runs and starts it again on the same port and streams, after Stop as well.
func (n *NATS) Restart(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stop()
	if err := n.lock.hold(); err != nil {
		return err
	}
	return n.start(ctx)
}

// natsLog passes on warnings and errors. The server calls Fatalf and carries on; a start must fail then.
type natsLog struct {
	to    *slog.Logger
	fatal chan string
}

func (l *natsLog) Noticef(string, ...any) {}
func (l *natsLog) Debugf(string, ...any)  {}
func (l *natsLog) Tracef(string, ...any)  {}

func (l *natsLog) Warnf(format string, args ...any)  { l.log(slog.LevelWarn, format, args) }
func (l *natsLog) Errorf(format string, args ...any) { l.log(slog.LevelError, format, args) }

func (l *natsLog) Fatalf(format string, args ...any) {
	l.log(slog.LevelError, format, args)
	select {
	case l.fatal <- fmt.Sprintf(format, args...):
	default:
	}
}

func (l *natsLog) log(level slog.Level, format string, args []any) {
	if l.to != nil {
		l.to.Log(context.Background(), level, "nats-server", "says", fmt.Sprintf(format, args...))
	}
}
