package bench

import (
	"context"
	_ "embed" // the statements
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

var discard = slog.New(slog.DiscardHandler)

// Names of the runs.
const (
	runPgbench       = "pgbench, 64 clients, spread"
	runPgbenchHot    = "pgbench, 64 clients, hot"
	runPgbenchSingle = "pgbench, 1 client"
	runSpread        = "gateway, 256 connections, spread"
	runSpread64      = "gateway, 64 connections, spread"
	runHot           = "gateway, 256 connections, hot"
	runHot64         = "gateway, 64 connections, hot"
	runOneTill       = "gateway, 256 connections, one terminal"
	runPlain         = "gateway, 64 connections, no line"
	runSlip          = "gateway, 64 connections, 30 lines with two taxes"
	runOpen          = "gateway, open loop, spread"
	runPipeline      = "engine, open loop, 201 to leaf"
	runReceipts      = "engine, open loop, a receipt's page to its first byte"
	runNoRedis       = "gateway, 256 connections, Redis down"
	runEmpty         = "gateway, 256 connections, empty database"
	runFull          = "gateway, 256 connections, preloaded database"
)

const (
	many = 256
	few  = 64
	hot  = 1 // customers in a hot run

	// preloadWarmUp is until a full database's indexes are in memory and most of their pages have been logged whole since the
	// last checkpoint: what is measured is the long run, not its first seconds.
	preloadWarmUp = 20 * time.Second
)

// step is one kind of run.
type step struct {
	name     string
	database string // the gateway's; "" for pgbench
	full     bool   // the gateway gets as many sales as it can take
	run      func(context.Context, *rig) (result, error)
}

// steps are the runs of one round, those that are compared next to each other.
func (c Config) steps() []step {
	pg := func(name string, clients, last int) step {
		return step{name: name, run: func(ctx context.Context, r *rig) (result, error) { return r.pgbench(ctx, clients, last) }}
	}
	closed := func(name string, connections, last int) step {
		return step{name, dbGateway, true, func(ctx context.Context, r *rig) (result, error) {
			return r.closedLoop(ctx, connections, terminals, last, c.warmUp(), body), nil
		}}
	}
	ofRecords := func(name string, records writes) step {
		return step{name, dbGateway, true, func(ctx context.Context, r *rig) (result, error) {
			return r.closedLoop(ctx, few, terminals, c.Spread, c.warmUp(), records), nil
		}}
	}
	oneTill := func(ctx context.Context, r *rig) (result, error) {
		return r.closedLoop(ctx, many, 1, c.Spread, c.warmUp(), body), nil
	}
	all := []step{
		pg(runPgbench, few, c.Spread), closed(runSpread, many, c.Spread), closed(runHot, many, hot),
		{runOneTill, dbGateway, true, oneTill},
		pg(runPgbenchHot, few, hot),
		closed(runSpread64, few, c.Spread), closed(runHot64, few, hot), pg(runPgbenchSingle, 1, c.Spread),
		ofRecords(runPlain, plain), ofRecords(runSlip, slip),
		{runOpen, dbGateway, false, func(ctx context.Context, r *rig) (result, error) { return r.openLoop(ctx, c.Spread), nil }},
		{runNoRedis, dbGateway, true, withoutRedis},
		{runPipeline, dbEngine, false, throughThePipeline},
		{runReceipts, dbEngine, false, whileReceiptsAreShown},
	}
	if c.Preload > 0 {
		compared := func(name, database string) step {
			return step{name, database, true, func(ctx context.Context, r *rig) (result, error) {
				return r.closedLoop(ctx, many, terminals, c.Spread, max(c.warmUp(), preloadWarmUp), body), nil
			}}
		}
		all = append(all, compared(runEmpty, dbEmpty), compared(runFull, dbFull))
	}
	return slices.DeleteFunc(all, func(s step) bool { return !strings.Contains(s.name, c.Only) })
}

// withoutRedis measures while Redis is dead, and brings it back.
func withoutRedis(ctx context.Context, r *rig) (result, error) {
	r.redis.Kill()
	res := r.closedLoop(ctx, many, terminals, r.cfg.Spread, r.cfg.warmUp(), body)
	return res, r.redis.Restart(ctx)
}

// Run measures, and prints the table. Everything that it started has ended when it returns. The first signal's end of ctx
// ends it early, with an error.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.Check(); err != nil {
		return err
	}
	if cfg.Profile != "" {
		if err := os.MkdirAll(cfg.Profile, 0o700); err != nil {
			return fmt.Errorf("make the profiles' directory: %w", err)
		}
	}
	r, err := open(ctx, cfg)
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	if err != nil {
		return err
	}
	if err := r.preload(ctx); err != nil {
		return err
	}
	rep, err := r.measure(ctx)
	if err != nil {
		return err
	}
	if cfg.JSON != "" {
		if err := rep.save(cfg.JSON); err != nil {
			return err
		}
	}
	return rep.print(cfg.Out)
}

// measure runs every step once a round.
func (r *rig) measure(ctx context.Context) (*report, error) {
	conn, err := pgx.Connect(ctx, r.postgres.AdminURL("postgres"))
	if err != nil {
		return nil, fmt.Errorf("connect to the measurement's Postgres: %w", err)
	}
	version := conn.PgConn().ParameterStatus("server_version")
	if err := conn.Close(ctx); err != nil {
		return nil, err
	}
	rep := &report{
		Machine: machine(version, r.dir), Seconds: r.cfg.Seconds, Rounds: r.cfg.Rounds, Rate: r.cfg.OpenRate, Preload: r.cfg.Preload,
		At: time.Now().UTC(),
	}
	steps := r.cfg.steps()
	if err := r.execute(ctx, "postgres", "CHECKPOINT"); err != nil { // what preloading left is not the runs' to write
		return nil, err
	}
	for round := range r.cfg.Rounds {
		for _, s := range steps {
			if s.database != "" {
				if err := r.serve(ctx, s.database); err != nil {
					return nil, err
				}
			}
			res, err := s.run(ctx, r)
			if err = errors.Join(err, ctx.Err()); err != nil {
				return nil, err
			}
			res.Name = s.name
			rep.Runs = append(rep.Runs, res)
			if s.full {
				rep.MemoryMB = max(rep.MemoryMB, peakMemoryMB(r.gateway.pid()))
			}
			r.cfg.say("round %d of %d: %s", round+1, r.cfg.Rounds, res)
		}
	}
	return rep, nil
}

var (
	//go:embed sql/preload.sql
	preloadSQL string
	//go:embed sql/preload_accounts.sql
	preloadAccountsSQL string
)

const preloadChunk = 50_000

// preload makes the two databases whose speed is compared.
func (r *rig) preload(ctx context.Context) error {
	if r.cfg.Preload == 0 {
		return nil
	}
	for _, name := range []string{dbEmpty, dbFull} {
		if err := r.makeDatabase(ctx, name); err != nil {
			return err
		}
	}
	for from := 1; from <= r.cfg.Preload; from += preloadChunk {
		to := min(from+preloadChunk-1, r.cfg.Preload)
		if err := r.execute(ctx, dbFull, preloadSQL, from, to, r.cfg.Spread, string(body(1)), typicalAnswer); err != nil {
			return fmt.Errorf("preload: %w", err)
		}
		if to%(10*preloadChunk) == 0 || to == r.cfg.Preload {
			r.cfg.say("preloaded %d of %d sales", to, r.cfg.Preload)
		}
	}
	if err := r.execute(ctx, dbFull, preloadAccountsSQL); err != nil {
		return fmt.Errorf("preload: %w", err)
	}
	return r.execute(ctx, dbFull, "VACUUM ANALYZE")
}
