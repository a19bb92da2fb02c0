package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tillseal/tillseal/shared/durable"
)

// RedisConfig describes the Redis to run.
type RedisConfig struct {
	Tools    Tools             // from Ensure
	Dir      string            // its own directory, created when missing; the password is kept there
	Port     int               // 0: a free one, the same over Restart
	PortVar  string            // the variable that sets Port, for the error about one in use
	Durable  bool              // true: append-only file, flushed each second; false: memory only, a restart forgets everything
	Settings map[string]string // further lines of redis.conf
	Progress io.Writer         // one line a step; nil: silent
}

// Redis is a running redis-server (or valkey-server) on loopback behind a password of its own.
type Redis struct {
	cfg      RedisConfig
	password string
	port     claim
	lock     *dirLock

	mu    sync.Mutex
	child *child
}

// orphanGrace is how long processes of a killed parent may take to end by themselves.
const orphanGrace = 5 * time.Second

var redisPrograms = []string{"redis-server", "valkey-server"}

// StartRedis starts Redis and returns once it answers. ctx bounds the start only; the server runs until Stop or Kill,
// or until this process ends.
func StartRedis(ctx context.Context, cfg RedisConfig) (_ *Redis, err error) {
	if cfg.Tools.Redis == "" {
		return nil, errors.New("no redis-server given: call Ensure first")
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fmt.Errorf("find the directory of Redis: %w", err)
	}
	lock, err := lockDir("Redis", cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.release()
		}
	}()
	r := &Redis{cfg: cfg, lock: lock}
	if r.password, err = secret(filepath.Join(cfg.Dir, "password")); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.data(), 0o700); err != nil {
		return nil, fmt.Errorf("create the data directory of Redis: %w", err)
	}
	// An orphan of this directory may hold the port: it is ended first.
	if err := clearOrphans(ctx, orphanGrace, r.data(), redisPrograms...); err != nil {
		return nil, err
	}
	if err := startOnPort(ctx, "Redis", cfg.Port, cfg.PortVar, &r.port, r.start); err != nil {
		return nil, err
	}
	report(cfg.Progress, "Redis on %s", r.port.address())
	return r, nil
}

// start runs one server process on r.port; r.mu is held or r is not shared yet.
func (r *Redis) start(ctx context.Context) error {
	if err := clearOrphans(ctx, orphanGrace, r.data(), redisPrograms...); err != nil {
		return err
	}
	conf := filepath.Join(r.cfg.Dir, "redis.conf")
	if err := durable.WriteFile(conf, []byte(r.conf()), privateFile); err != nil {
		return err
	}
	c, err := startChild(childSpec{
		name: "Redis", path: r.cfg.Tools.Redis, args: []string{conf}, dir: r.data(), env: os.Environ(),
		log: filepath.Join(r.cfg.Dir, "server.log"), ondead: syscall.SIGKILL,
	})
	if err != nil {
		return err
	}
	r.child = c
	return c.awaitReady(ctx, r.answers)
}

// answers is the readiness check: a PONG, not an open port. The port is tried first, since the client would retry
// and log.
func (r *Redis) answers(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", r.port.address())
	if err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: r.port.address(), Password: r.password, MaxRetries: -1, PoolSize: 1})
	return errors.Join(conn.Close(), client.Ping(ctx).Err(), client.Close())
}

// conf is the configuration file: the password stays out of the process list that way.
func (r *Redis) conf() string {
	settings := map[string]string{
		"bind": loopback, "port": fmt.Sprint(r.port.number), "protected-mode": "yes", "requirepass": r.password,
		"daemonize": "no", "dir": "./", "save": `""`, "appendonly": "no",
	}
	if r.cfg.Durable {
		settings["appendonly"], settings["appendfsync"] = "yes", "everysec"
	}
	maps.Copy(settings, r.cfg.Settings)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s %s\n", name, settings[name])
	}
	return b.String()
}

func (r *Redis) data() string { return filepath.Join(r.cfg.Dir, "data") }

// URL is where clients connect, password included.
func (r *Redis) URL() string {
	return fmt.Sprintf("redis://default:%s@%s/0", r.password, r.port.address())
}

// Port is the port on loopback; it stays over Restart.
func (r *Redis) Port() int { return r.port.number }

// Pid is the id of the current server process.
func (r *Redis) Pid() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.child.pid()
}

// Done is closed when the current server process has ended, for whatever reason.
func (r *Redis) Done() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.child.done
}

// Ending is how the current server process ended, once Done is closed.
func (r *Redis) Ending() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	<-r.child.done
	return r.child.ending()
}

// Stop shuts Redis down and unlocks its directory. A second Stop is a no-op.
func (r *Redis) Stop(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.lock.release()
	return r.child.stop(ctx, syscall.SIGTERM)
}

// Kill ends Redis as a crash would; Restart brings it back, Stop unlocks the directory.
func (r *Redis) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.child.kill()
}

// Restart stops Redis if it runs and starts it again on the same port and data, after Stop as well.
func (r *Redis) Restart(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.lock.hold(); err != nil {
		return err
	}
	if err := r.child.stop(ctx, syscall.SIGTERM); err != nil {
		return err
	}
	return r.start(ctx)
}
