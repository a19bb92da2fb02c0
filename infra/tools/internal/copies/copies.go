// Package copies makes the streams that downstream systems read: copies of the sale events in an account of their own.
package copies

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

// Config is what cmd/copies reads from the environment; NATS_NKEY_FILE is the copier's.
type Config struct{ Stream stream.Config }

// Check names the variable that is wrong.
func (c Config) Check() error { return c.Stream.Check() }

const limit = 2 * time.Minute // for a NATS that starts at the same time

// Run makes or updates the copies and returns; run again it changes nothing. A wrong Config is Invalid, a NATS that does not
// answer within two minutes Transient.
func Run(ctx context.Context, cfg Config) error {
	return Make(ctx, cfg, slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("service", "copies"))
}

// Make is Run with a log.
func Make(ctx context.Context, cfg Config, log *slog.Logger) error {
	if err := cfg.Check(); err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	return makeWithin(ctx, limit, cfg, log)
}

func makeWithin(ctx context.Context, limit time.Duration, cfg Config, log *slog.Logger) error {
	bus, err := stream.Connect(identity.Copier, cfg.Stream, log)
	if err != nil {
		return err
	}
	defer bus.Close()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := bus.EnsureCopies(limited); err != nil {
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return fault.New(fault.Transient, "the copies could not be made within %s: is NATS at NATS_URL running?", limit)
		}
		return err
	}
	log.Info("the copies for downstream systems exist")
	return nil
}
