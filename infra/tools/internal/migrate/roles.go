package migrate

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/infra/tools/internal/repofile"
	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/schema"
)

// Owner is the role that owns everything in the database and migrates it.
const Owner = "migration"

// Roles runs infra/postgres/roles.sql in the database of a superuser's URL, and gives Owner its password. Run again it changes nothing.
func Roles(ctx context.Context, superuser config.Secret, password string) error {
	text, err := repofile.Read("infra/postgres/roles.sql")
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, superuser.Reveal())
	if err != nil {
		return fault.New(fault.Transient, "connect as Postgres's superuser: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.PgConn().Exec(ctx, string(text)).ReadAll(); err != nil {
		return fault.New(fault.Transient, "make the roles: %w", err)
	}
	return schema.SetPassword(ctx, superuser.Reveal(), Owner, password)
}
