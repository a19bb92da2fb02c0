// Package migrate brings the database to this build's schema before the services start, and gives their roles passwords.
package migrate

import (
	"context"
	_ "embed" // the statement
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/schema"
	"github.com/tillseal/tillseal/shared/wait"
)

// Config is what the migration reads from the environment.
type Config struct {
	Admin config.Secret `env:"DB_ADMIN_URL,required,notEmpty" doc:"Postgres as the migration role, which owns everything and may create roles"`

	Gateway config.Secret `env:"DB_PASSWORD_GATEWAY" doc:"password to set for role gateway; empty leaves it unchanged"`
	Anchor  config.Secret `env:"DB_PASSWORD_ANCHOR" doc:"password to set for role anchor; empty leaves it unchanged"`
	Ledger  config.Secret `env:"DB_PASSWORD_LEDGER" doc:"password to set for role ledger; empty leaves it unchanged"`
	Auditor config.Secret `env:"DB_PASSWORD_AUDITOR" doc:"password to set for role auditor, who reads the audit views; empty leaves it unchanged"`
}

// Check names the variable that is wrong.
func (c Config) Check() error {
	return config.CheckPostgresURL("DB_ADMIN_URL", c.Admin)
}

// Limits of the wait for a Postgres that starts at the same time.
const (
	awaitLimit  = 2 * time.Minute // crash recovery after a hard stop included
	awaitEvery  = 500 * time.Millisecond
	connectTime = 5 * time.Second
)

// Run migrates once and returns; run again it changes nothing. A wrong Config, or one that Postgres refuses, is Invalid; a
// Postgres that does not answer within two minutes is Transient.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.Check(); err != nil {
		return fault.WithKind(fault.Invalid, err)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil)).With("service", "migrate")
	if err := await(ctx, cfg.Admin, awaitLimit, log); err != nil {
		return err
	}
	if err := schema.Migrate(ctx, cfg.Admin.Reveal()); err != nil {
		return err
	}
	passwords := map[string]config.Secret{"gateway": cfg.Gateway, "anchor": cfg.Anchor, "ledger": cfg.Ledger, "auditor": cfg.Auditor}
	for _, role := range schema.Roles {
		if passwords[role] == "" {
			continue
		}
		if err := schema.SetPassword(ctx, cfg.Admin.Reveal(), role, passwords[role].Reveal()); err != nil {
			return err
		}
	}
	open, err := locksAreOpen(ctx, cfg.Admin)
	if err != nil {
		return err
	}
	if open {
		log.Warn("ALARM: any role that can log in can take the services' advisory locks and stop them: " +
			"infra/postgres/roles.sql, which forbids it, has not been run on this database; run it once as the superuser")
	}
	log.Info("the database has this build's schema")
	return nil
}

//go:embed sql/locks_open.sql
var locksOpenSQL string

// locksAreOpen reports whether a role that may only read can take any advisory lock. The migration role can't change that: the functions
// belong to the superuser.
func locksAreOpen(ctx context.Context, admin config.Secret) (open bool, err error) {
	conn, err := pgx.Connect(ctx, admin.Reveal())
	if err != nil {
		return false, fault.New(fault.Transient, "connect: %w", err)
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, locksOpenSQL).Scan(&open)
	if err != nil {
		return false, fault.New(fault.Transient, "check who may take advisory locks: %w", err)
	}
	return open, nil
}

// await returns once Postgres lets the admin in. What it refuses for good ends the wait at once.
func await(ctx context.Context, admin config.Secret, limit time.Duration, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for tries := 0; ; tries++ {
		err := connect(ctx, admin)
		if err == nil {
			return nil
		}
		var answer *pgconn.PgError
		if errors.As(err, &answer) && refused(answer.Code) {
			return fault.New(fault.Invalid, "DB_ADMIN_URL: Postgres refuses it (SQLSTATE %s)", answer.Code)
		}
		if tries == 0 {
			log.Info("waiting for Postgres", "limit", limit.String())
		}
		if !wait.Pause(ctx, awaitEvery) {
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return fault.New(fault.Transient, "DB_ADMIN_URL: no Postgres answered within %s", limit)
		}
	}
}

func connect(ctx context.Context, admin config.Secret) error {
	attempt, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := pgx.Connect(attempt, admin.Reveal())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return conn.Close(attempt)
}

// refused reports whether a SQLSTATE is of a class that waiting does not change: 28 invalid authorization, 3D no such database.
func refused(code string) bool { return strings.HasPrefix(code, "28") || strings.HasPrefix(code, "3D") }
