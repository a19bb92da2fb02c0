package bench

import (
	"context"
	"crypto/ecdsa"
	_ "embed" // the statements
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/promise"
	"github.com/tillseal/tillseal/shared/schema"
	"github.com/tillseal/tillseal/shared/stream"
	"github.com/tillseal/tillseal/shared/wait"
)

const (
	password   = "bench" // of a Postgres on loopback that ends with the measurement
	readyLimit = 30 * time.Second
	readyPause = 20 * time.Millisecond
	stopLimit  = 30 * time.Second
)

// settings of Postgres, for pgbench and the gateway alike: what an operator gives a database of its own, so that no run happens to
// pay for a checkpoint. Flushes and full page writes stay on.
var settings = map[string]string{
	"shared_buffers": "1GB", "max_wal_size": "16GB", "checkpoint_timeout": "30min", "wal_compression": "on",
}

// Databases of the measurement. pgbench and the gateway each have their own, equally full at the start.
const (
	dbGateway = "bench_gateway"
	dbPgbench = "bench_pgbench"
	dbEmpty   = "bench_empty"
	dbFull    = "bench_full"
	dbEngine  = "bench_engine"
)

// rig is the servers of one measurement.
type rig struct {
	cfg      Config
	dir      string
	tools    local.Tools
	postgres *local.Postgres
	redis    *local.Redis
	nats     *child
	gateway  *child
	database string            // that the gateway runs on
	behind   map[string]*child // the other services and the chain, while they run

	anchorKey *ecdsa.PrivateKey   // worth nothing outside the measurement's chain
	keys      map[string][]string // the terminals' keys, by database
}

// open starts the servers. close must follow, whatever open returns.
func open(ctx context.Context, cfg Config) (*rig, error) {
	r := &rig{cfg: cfg, keys: make(map[string][]string)}
	var err error
	if r.dir, err = os.MkdirTemp("", "tillseal-bench-"); err != nil {
		return r, fmt.Errorf("make a directory: %w", err)
	}
	if err = os.Chmod(r.dir, 0o711); err != nil { //nolint:gosec // Postgres's own user passes through
		return r, err
	}
	if r.tools, err = local.Ensure(ctx, cfg.Out); err != nil {
		return r, err
	}
	cfg.say("starting Postgres, Redis and NATS in %s", r.dir)
	group, starting := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		r.postgres, err = local.StartPostgres(starting, local.PostgresConfig{
			Tools: r.tools, Dir: filepath.Join(r.dir, "postgres"), Durable: true,
			Settings: settings,
		})
		return err
	})
	group.Go(func() (err error) {
		r.redis, err = local.StartRedis(starting, local.RedisConfig{Tools: r.tools, Dir: filepath.Join(r.dir, "redis"), Durable: true})
		return err
	})
	group.Go(func() (err error) {
		r.nats, err = startChild(starting, roleNATS, filepath.Join(r.dir, "nats.log"), dirVar+"="+filepath.Join(r.dir, "nats"))
		return err
	})
	if err := group.Wait(); err != nil {
		return r, err
	}
	for _, name := range []string{dbGateway, dbPgbench, dbEngine} {
		if err := r.makeDatabase(ctx, name); err != nil {
			return r, err
		}
	}
	if _, err := promise.KeepKey(r.keyFile()); err != nil {
		return r, err
	}
	return r, r.execute(ctx, dbPgbench, terminalsSQL, terminals)
}

// close ends everything and removes its data, also when ctx has ended.
func (r *rig) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	errs := []error{r.stopBehind(), r.gateway.stop(), r.nats.stop()}
	if r.redis != nil {
		errs = append(errs, r.redis.Stop(ctx))
	}
	if r.postgres != nil {
		errs = append(errs, r.postgres.Stop(ctx), r.postgres.Remove())
	}
	if r.dir != "" {
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}

var (
	//go:embed sql/accounts.sql
	accountsSQL string
	//go:embed sql/terminals.sql
	terminalsSQL string
)

// keyFile is that of the key that signs promises.
func (r *rig) keyFile() string { return filepath.Join(r.dir, "promise.pem") }

// makeDatabase makes a database with the schema and the spread runs' customers.
func (r *rig) makeDatabase(ctx context.Context, name string) error {
	if err := r.execute(ctx, "postgres", "CREATE DATABASE "+name); err != nil {
		return err
	}
	if err := schema.Migrate(ctx, r.postgres.AdminURL(name)); err != nil {
		return err
	}
	for _, role := range []string{roleGateway, roleAnchor, roleLedger} {
		if err := schema.SetPassword(ctx, r.postgres.AdminURL(name), role, password); err != nil {
			return err
		}
	}
	if err := r.execute(ctx, name, accountsSQL, r.cfg.Spread); err != nil {
		return err
	}
	return r.execute(ctx, name, "VACUUM ANALYZE")
}

func (r *rig) execute(ctx context.Context, database, statement string, args ...any) error {
	conn, err := pgx.Connect(ctx, r.postgres.AdminURL(database))
	if err != nil {
		return fmt.Errorf("connect to the measurement's Postgres: %w", err)
	}
	_, err = conn.Exec(ctx, statement, args...)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// serve makes the gateway run on a database; when it does already it goes on, warm as it is.
func (r *rig) serve(ctx context.Context, database string) error {
	if r.gateway != nil && r.database == database {
		return nil
	}
	if err := r.gateway.stop(); err != nil {
		return err
	}
	r.gateway = nil
	g, err := startChild(ctx, roleGateway, filepath.Join(r.dir, "gateway.log"),
		"DB_URL="+r.postgres.URL(roleGateway, password, database), "REDIS_URL="+r.redis.URL(), "NATS_URL="+r.nats.addr,
		"GATEWAY_ADDR=127.0.0.1:0", "TERMINAL_RATE_PER_SECOND=1000000", "LOG_LEVEL=warn",
		"PROMISE_KEY_FILE="+r.keyFile(), "PROMISE_ISSUER=https://shop.example", profileVar+"="+r.cfg.Profile)
	if err != nil {
		return err
	}
	r.gateway, r.database = g, database
	if r.keys[database] == nil {
		r.keys[database], err = r.addTerminals(ctx)
	}
	return err
}

// addTerminals adds the tills as an operator does and returns their keys.
func (r *rig) addTerminals(ctx context.Context) ([]string, error) {
	bus, err := stream.Connect("bench", stream.Config{URL: config.Secret(r.nats.addr), PeakSalesPerSecond: 1}, discard)
	if err != nil {
		return nil, err
	}
	defer bus.Close()
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	keys := make([]string, 0, terminals)
	for len(keys) < terminals {
		added, err := stream.Ask[struct {
			Key string `json:"key"`
		}](ctx, bus, "ops.gateway.terminals.add", map[string]string{"store_id": "s1", "terminal_id": "t" + strconv.Itoa(len(keys)+1)})
		switch {
		case err == nil:
			keys = append(keys, added.Key)
			continue
		case ctx.Err() != nil:
			return nil, fmt.Errorf("add the terminals: %w", err)
		}
		wait.Pause(ctx, readyPause) // the gateway answers operators a moment after it answers tills
	}
	return keys, nil
}
