package engine

import (
	"cmp"
	"context"
	_ "embed" // the statement
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/infra/tools/internal/migrate"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/schema"
)

//go:embed sql/database_exists.sql
var databaseExistsSQL string

const (
	database    = "tillseal"
	stopServers = 20 * time.Second // a server that has not stopped by then is killed
	stopDrain   = 30 * time.Second // for the services to answer what they accepted
)

// Engine is a running Tillseal.
type Engine struct {
	GatewayURL string
	NATSURL    string
	RedisURL   string
	ChainURL   string
	AdminURL   string // of the database, as its owner
	AuditorURL string
	NKeyFile   string // the operator's seed for NATS

	cfg      Config
	secrets  secrets
	postgres *local.Postgres
	redis    *local.Redis
	nats     *local.NATS
	chain    *local.Chain
	logs     []*os.File
	keeper   *keeper

	stopServices, stopKeeping context.CancelFunc // of the servers
	services, servers         sync.WaitGroup     // who keeps them
	close                     sync.Once
}

// Start brings everything up and returns once tills are served. On an error, or when ctx ends before, nothing is left running. It prints
// its steps to cfg.Progress. From then on a part that ends by itself takes nothing else down: it is started again, unless it needs a
// person first, and while it does not run that is reported to cfg.Progress and to its log each minute.
func Start(ctx context.Context, cfg Config) (_ *Engine, err error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if err := cfg.makeDirs(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, keeper: &keeper{say: cfg.say, remind: cmp.Or(cfg.Remind, remindEvery), stopped: make(map[string]Stopped)}}
	running, stopServices := context.WithCancel(context.WithoutCancel(ctx)) // Close ends both, in order
	keeping, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	e.stopServices, e.stopKeeping = stopServices, stopKeeping
	defer func() {
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			err = ctx.Err() // whatever was interrupted, the cause is the stop
		}
		err = errors.Join(err, e.Close(ctx))
	}()
	if e.secrets, err = cfg.secrets(); err != nil {
		return nil, err
	}
	file, err := e.openLog("servers")
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewJSONHandler(file, nil))
	if err := e.startServers(ctx, log); err != nil {
		return nil, err
	}
	if err := e.migrate(ctx); err != nil {
		return nil, err
	}
	e.keepServers(keeping, log)
	if err := e.startServices(ctx, running); err != nil {
		return nil, err
	}
	if err := e.keepCopies(running, log); err != nil {
		return nil, err
	}
	return e, nil
}

// startServers starts the four servers at the same time.
func (e *Engine) startServers(ctx context.Context, log *slog.Logger) error {
	cfg := e.cfg
	tools, err := local.Ensure(ctx, cfg.Progress)
	if err != nil {
		return err
	}
	anchorer, err := e.secrets.anchorer()
	if err != nil {
		return err
	}
	conf, err := cfg.serverConf()
	if err != nil {
		return err
	}
	e.NKeyFile = cfg.seedFile(identity.Operator)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		e.postgres, err = local.StartPostgres(ctx, local.PostgresConfig{
			Tools: tools, Dir: cfg.path("postgres"), Port: cfg.PostgresPort, PortVar: "POSTGRES_PORT", Durable: true, Progress: cfg.Progress,
		})
		return err
	})
	group.Go(func() (err error) {
		e.redis, err = local.StartRedis(ctx, local.RedisConfig{
			Tools: tools, Dir: cfg.path("redis"), Port: cfg.RedisPort, PortVar: "REDIS_PORT", Durable: true, Progress: cfg.Progress,
		})
		return err
	})
	group.Go(func() (err error) {
		e.nats, err = local.StartNATS(ctx, local.NATSConfig{
			Dir: cfg.path("nats"), Port: cfg.NATSPort, PortVar: "NATS_PORT", Conf: conf, Log: log, Progress: cfg.Progress,
		})
		return err
	})
	group.Go(func() (err error) {
		e.chain, err = local.StartChain(ctx, local.ChainConfig{
			Dir: cfg.path("chain"), Port: cfg.ChainPort, PortVar: "CHAIN_PORT", Period: cmp.Or(cfg.BlockTime, local.DefaultPeriod), Log: log, Progress: cfg.Progress,
			Fund: []common.Address{anchorer}, AllowedOrigins: []string{"*"}, // receipts' pages ask it, and infra/verify.html, which is of no origin
		})
		return err
	})
	return group.Wait()
}

// migrate makes the database and brings it to the present schema.
func (e *Engine) migrate(ctx context.Context) error {
	e.NATSURL, e.RedisURL, e.ChainURL = e.nats.URL(), e.redis.URL(), e.chain.URL()
	e.AdminURL = e.roleURL(migrate.Owner)
	e.AuditorURL = e.roleURL("auditor")
	conn, err := pgx.Connect(ctx, e.postgres.AdminURL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var exists bool
	if err := conn.QueryRow(ctx, databaseExistsSQL, database).Scan(&exists); err != nil {
		return fmt.Errorf("check whether the database exists: %w", err)
	}
	if !exists {
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+database); err != nil {
			return fmt.Errorf("create the database: %w", err)
		}
	}
	if err := migrate.Roles(ctx, config.Secret(e.postgres.AdminURL(database)), e.secrets.Roles[migrate.Owner]); err != nil {
		return err
	}
	if err := schema.Migrate(ctx, e.AdminURL); err != nil {
		return err
	}
	for _, role := range schema.Roles {
		if err := schema.SetPassword(ctx, e.AdminURL, role, e.secrets.Roles[role]); err != nil {
			return err
		}
	}
	e.cfg.say("database migrated")
	return nil
}

func (e *Engine) roleURL(role string) string {
	return e.postgres.URL(role, e.secrets.Roles[role], database)
}

// Stopped is what does not run now. The rest keeps running.
func (e *Engine) Stopped() []Stopped {
	if e.keeper == nil { // an engine in another process
		return nil
	}
	return e.keeper.list()
}

// Close stops the services, which answer what they accepted, then the servers, also when ctx has ended. A second Close is
// a no-op.
func (e *Engine) Close(ctx context.Context) (err error) {
	e.close.Do(func() { err = e.shutDown(context.WithoutCancel(ctx)) })
	return err
}

func (e *Engine) shutDown(ctx context.Context) error {
	e.stopKeeping()
	e.servers.Wait()
	var errs []error
	e.stopServices()
	done := make(chan struct{})
	go func() { defer close(done); e.services.Wait() }()
	timer := time.NewTimer(stopDrain)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		errs = append(errs, fmt.Errorf("a service did not stop within %s", stopDrain))
	}
	ctx, cancel := context.WithTimeout(ctx, stopServers)
	defer cancel()
	if e.chain != nil {
		errs = append(errs, e.chain.Stop())
	}
	if e.nats != nil {
		e.nats.Stop()
	}
	if e.redis != nil {
		errs = append(errs, e.redis.Stop(ctx))
	}
	if e.postgres != nil {
		errs = append(errs, e.postgres.Stop(ctx))
	}
	for _, log := range e.logs {
		errs = append(errs, log.Close())
	}
	return errors.Join(errs...)
}

// openLog opens a log; Close closes it.
func (e *Engine) openLog(name string) (*os.File, error) {
	log, err := os.OpenFile(e.cfg.path("log/"+name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, privateFile)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	e.logs = append(e.logs, log)
	return log, nil
}
