package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// PostgresConfig describes the Postgres to run.
type PostgresConfig struct {
	Tools    Tools             // from Ensure
	Dir      string            // its own directory, created when missing; the superuser's password is kept there
	Port     int               // 0: a free one, the same over Restart
	PortVar  string            // the variable that sets Port, for the error about one in use
	Durable  bool              // true: as in production; false: no fsync, survives kill -9 of all but not a power cut
	Settings map[string]string // further settings of the server
	Progress io.Writer         // one line a step; nil: silent
}

// Postgres is a running Postgres on loopback, without a socket in the file system. Started by root it runs as
// another user, since it refuses root.
type Postgres struct {
	cfg      PostgresConfig
	bin      string
	user     runAs
	password string
	port     claim
	lock     *dirLock

	mu    sync.Mutex
	child *child
}

// StartPostgres creates the database when there is none, starts the server and returns once it answers a query. What
// a killed process left running on this directory is ended first. ctx bounds the start only; the server runs until
// Stop or Kill, or until this process ends.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (_ *Postgres, err error) {
	if cfg.Tools.Postgres == "" {
		return nil, errors.New("no Postgres given: call Ensure first")
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fmt.Errorf("find the directory of Postgres: %w", err)
	}
	lock, err := lockDir("Postgres", cfg.Dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.release()
		}
	}()
	p := &Postgres{cfg: cfg, lock: lock}
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	// An orphan of this directory may hold the port: it is ended first.
	if err := p.clear(ctx); err != nil {
		return nil, err
	}
	if err := startOnPort(ctx, "Postgres", cfg.Port, cfg.PortVar, &p.port, p.start); err != nil {
		return nil, err
	}
	report(cfg.Progress, "Postgres on %s", p.port.address())
	return p, nil
}

// start runs one server on p.port; p.mu is held or p is not shared yet.
func (p *Postgres) start(ctx context.Context) error {
	if err := p.clear(ctx); err != nil {
		return err
	}
	settings := p.settings()
	args := []string{"-D", resolved(p.data())} // the link itself may be in a directory that its user can't enter
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	c, err := startChild(childSpec{
		name: "Postgres", path: filepath.Join(p.bin, "postgres"), args: args, dir: "/", env: postgresEnv(p.bin),
		log: p.log(), user: p.user,
		ondead: syscall.SIGQUIT, // an immediate shutdown takes the backends along, a SIGKILL would not
	})
	if err != nil {
		return err
	}
	p.child = c
	err = c.awaitReady(ctx, p.answers)
	if err != nil {
		return errors.Join(err, clearOrphans(context.WithoutCancel(ctx), 0, p.data(), "postgres"))
	}
	return nil
}

func (p *Postgres) settings() map[string]string {
	s := map[string]string{
		"listen_addresses": loopback, "port": fmt.Sprint(p.port.number), "unix_socket_directories": "",
		"max_connections": "200", "timezone": "UTC", "log_timezone": "UTC",
	}
	if !p.cfg.Durable {
		// synchronous_commit stays: what was committed survives a killed server, as tests expect.
		s["fsync"], s["full_page_writes"], s["dynamic_shared_memory_type"] = "off", "off", "mmap"
	}
	maps.Copy(s, p.cfg.Settings)
	return s
}

// answers is the readiness check: a query, not an open port.
func (p *Postgres) answers(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.AdminURL("postgres"))
	if err != nil {
		return err
	}
	return errors.Join(conn.Ping(ctx), conn.Close(ctx))
}

// clear ends what still runs on the data: by an immediate shutdown first, then by a kill.
func (p *Postgres) clear(ctx context.Context) error {
	for _, pid := range processesIn(p.data(), "postgres") {
		_ = syscall.Kill(pid, syscall.SIGQUIT)
	}
	return clearOrphans(ctx, orphanGrace, p.data(), "postgres")
}

func (p *Postgres) data() string { return filepath.Join(p.cfg.Dir, "data") }
func (p *Postgres) log() string  { return filepath.Join(p.cfg.Dir, "server.log") }

// AdminURL is the superuser's connection to a database, password included.
func (p *Postgres) AdminURL(database string) string {
	return p.URL(superuser, p.password, database)
}

// URL is a role's connection to a database.
func (p *Postgres) URL(role, password, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, password), Host: p.port.address(), Path: "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Port is the port on loopback; it stays over Restart.
func (p *Postgres) Port() int { return p.port.number }

// Pid is the id of the current postmaster.
func (p *Postgres) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child.pid()
}

// Done is closed when the current postmaster has ended, for whatever reason.
func (p *Postgres) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child.done
}

// Ending is how the current postmaster ended, once Done is closed.
func (p *Postgres) Ending() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	<-p.child.done
	return p.child.ending()
}

// Stop shuts Postgres down (fast: open transactions are rolled back) and unlocks its directory. Once ctx is over, or a limit of 30 s when it
// has no deadline, it is killed. A second Stop is a no-op.
func (p *Postgres) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.lock.release()
	return p.stop(ctx)
}

func (p *Postgres) stop(ctx context.Context) error {
	err := p.child.stop(ctx, syscall.SIGINT)
	return errors.Join(err, clearOrphans(context.WithoutCancel(ctx), 0, p.data(), "postgres"))
}

// Kill ends the postmaster and every backend at once, as a crash would; Restart recovers, Stop unlocks the directory.
func (p *Postgres) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child.kill()
	return clearOrphans(context.Background(), 0, p.data(), "postgres")
}

// Restart stops Postgres if it runs and starts it again on the same port and data, after Stop as well.
func (p *Postgres) Restart(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.lock.hold(); err != nil {
		return err
	}
	if err := p.stop(ctx); err != nil {
		return err
	}
	return p.start(ctx)
}
