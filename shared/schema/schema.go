// Package schema holds the database: one schema for each writer, the roles, and the views for auditors (infra/docs/CONTRACT.md, 7).
package schema

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/tillseal/tillseal/shared/fault"
)

//go:embed migrations/*.sql
var files embed.FS

// Roles are the logins that the migrations create: each service's own, and the auditor's.
var Roles = []string{"gateway", "anchor", "ledger", "auditor"}

// Migrate brings the database of adminURL to this build's version. It may run twice at once: the second waits.
// The admin owns everything and needs the right to create roles. Errors are Transient.
func Migrate(ctx context.Context, adminURL string) error {
	return migrate(adminURL, func(p *goose.Provider) error { _, err := p.Up(ctx); return err })
}

func migrate(adminURL string, up func(*goose.Provider) error) error {
	db, err := sql.Open("pgx", adminURL)
	if err != nil {
		return fault.New(fault.Invalid, "DB_ADMIN_URL is not a Postgres URL") // the cause may quote the password
	}
	defer db.Close()
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return fault.WithKind(fault.Fatal, err)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fault.WithKind(fault.Fatal, err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations, goose.WithSessionLocker(locker),
		goose.WithGoMigrations(goose.NewGoMigration(rehashVersion, &goose.GoFunc{RunTx: rehash}, nil)))
	if err != nil {
		return fault.New(fault.Fatal, "read the migrations: %w", err)
	}
	if err := up(provider); err != nil {
		return fault.New(fault.Transient, "migrate the database: %w", err)
	}
	return nil
}

//go:embed sql/alter_role.sql
var alterRoleSQL string

// SetPassword gives a role of Roles a password, so that services on other hosts can log in.
func SetPassword(ctx context.Context, adminURL, role, password string) error {
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return fault.New(fault.Transient, "connect as the database's admin: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var statement string
	if err := conn.QueryRow(ctx, alterRoleSQL, role, password).Scan(&statement); err != nil {
		return fault.New(fault.Transient, "quote the password of role %s: %w", role, err)
	}
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fault.New(fault.Transient, "set the password of role %s", role) // the cause may quote the statement
	}
	return nil
}
