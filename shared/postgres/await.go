package postgres

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/wait"
)

const (
	pingEvery = 500 * time.Millisecond
	pingLimit = 5 * time.Second
)

// Await returns once Postgres answers, or ctx's error when ctx ends first. It logs once that it is waiting, and why.
func Await(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	for tries := 0; ; tries++ {
		attempt, cancel := context.WithTimeout(ctx, pingLimit)
		err := pool.Ping(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if tries == 0 && ctx.Err() == nil {
			log.Warn("waiting for Postgres", "error", Fault("connect", err))
		}
		if !wait.Pause(ctx, pingEvery) {
			return ctx.Err()
		}
	}
}
