package engine

import (
	"context"
	"fmt"
	"log/slog"
)

// keepServers starts each server that ends by itself again, on the same port and data. NATS and the chain run in this process: if one
// of them panics, the process crashes; a NATS that closes its streams, for example on a full disk, is started again.
func (e *Engine) keepServers(ctx context.Context, log *slog.Logger) {
	const noSales = "no sale is recorded; tills are asked to send theirs again"
	e.keepServer(ctx, log, "postgres", noSales, "postgres/server.log", endOf(e.postgres), e.postgres.Restart)
	e.keepServer(ctx, log, "redis", "sales are recorded without it", "redis/server.log", endOf(e.redis), e.redis.Restart)
	e.keepServer(ctx, log, "nats", "sales are recorded and wait for it", "log/servers.log", e.nats.AwaitFailure, e.nats.Restart)
}

// keepServer keeps a server running that is up; await returns how it ended.
func (e *Engine) keepServer(ctx context.Context, log *slog.Logger, name, meanwhile, path string, await, restart func(context.Context) error) {
	up := true
	e.start(ctx, &e.servers, part{
		name: name, meanwhile: meanwhile, path: e.cfg.path(path), log: log,
		run: func(ctx context.Context) error {
			if !up {
				if err := restart(ctx); err != nil {
					return err
				}
				e.cfg.say("%s is back", name)
			}
			up = false
			return await(ctx)
		},
	})
}

// ending is a server in a process of its own, which can end.
type ending interface {
	Done() <-chan struct{}
	Ending() error
}

func endOf(server ending) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-server.Done():
			return fmt.Errorf("it ended by itself (%w)", server.Ending())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
