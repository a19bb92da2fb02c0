package testkit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/local"
	"github.com/tillseal/tillseal/shared/schema"
)

// rolePassword is every service's in a test's Postgres, which listens on loopback for the time of one test run.
const rolePassword = "test"

const rolesFile = "infra/postgres/roles.sql"

// DB is a migrated database of one test: a URL for each role, and for the admin who owns it all.
type DB struct{ Admin, Gateway, Anchor, Ledger, Auditor string }

// Postgres is the Postgres that the tests of one binary share, started at its first use. Don't stop it: OwnPostgres
// is for that.
func Postgres(t testing.TB) *local.Postgres {
	t.Helper()
	binary.Lock()
	defer binary.Unlock()
	return sharedPostgres(t)
}

func sharedPostgres(t testing.TB) *local.Postgres {
	t.Helper()
	if binary.postgres != nil {
		return binary.postgres
	}
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	serverDir, err := makeDir("shared")
	if err != nil {
		t.Fatalf("testkit: make a directory for Postgres: %v", err)
	}
	p, err := local.StartPostgres(ctx, local.PostgresConfig{Tools: tools(ctx, t), Dir: serverDir, Progress: progress{t}})
	if err != nil {
		t.Fatalf("testkit: %v", err)
	}
	binary.postgres = p
	return p
}

// Database is a fresh database in the shared Postgres, copied from a template that was migrated once; it is dropped
// with the test.
func Database(t testing.TB) DB {
	t.Helper()
	p, template := templated(t)
	name := "test_" + strings.ToLower(rand.Text()[:16])
	if err := execute(t.Context(), p, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template)); err != nil {
		t.Fatalf("testkit: make a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := stopping()
		defer cancel()
		check(t, execute(ctx, p, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)))
	})
	return urls(p, name)
}

// Migrated makes a database in p, an OwnPostgres, with the schema and the roles' passwords.
func Migrated(t testing.TB, p *local.Postgres) DB {
	t.Helper()
	const name = "tillseal"
	if err := migrate(t.Context(), p, name); err != nil {
		t.Fatalf("testkit: %v", err)
	}
	return urls(p, name)
}

func urls(p *local.Postgres, name string) DB {
	role := func(r string) string { return p.URL(r, rolePassword, name) }
	return DB{
		Admin: p.AdminURL(name), Gateway: role("gateway"), Anchor: role("anchor"), Ledger: role("ledger"),
		Auditor: role("auditor"),
	}
}

func templated(t testing.TB) (*local.Postgres, string) {
	t.Helper()
	binary.Lock()
	defer binary.Unlock()
	p := sharedPostgres(t)
	if binary.template == "" {
		const name = "template_tillseal"
		if err := migrate(t.Context(), p, name); err != nil {
			t.Fatalf("testkit: %v", err)
		}
		binary.template = name
	}
	return p, binary.template
}

// migrate recreates the database, so that a test that failed in here does not make the next one fail too.
func migrate(ctx context.Context, p *local.Postgres, name string) error {
	err := execute(ctx, p, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	if err == nil {
		err = execute(ctx, p, "CREATE DATABASE "+name)
	}
	if err != nil {
		return fmt.Errorf("make a database: %w", err)
	}
	if err := roles(ctx, p, name); err != nil {
		return fmt.Errorf("make the roles: %w", err)
	}
	if err := schema.Migrate(ctx, p.AdminURL(name)); err != nil {
		return fmt.Errorf("migrate a database: %w", err)
	}
	for _, role := range schema.Roles {
		if err := schema.SetPassword(ctx, p.AdminURL(name), role, rolePassword); err != nil {
			return err
		}
	}
	return nil
}

// roles gives the services' roles the rights that they have in production. The file is for operators, outside this module: it is searched
// for from the test's directory upwards.
func roles(ctx context.Context, p *local.Postgres, name string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, rolesFile))
	for ; errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir); text, err = os.ReadFile(filepath.Join(dir, rolesFile)) {
		dir = filepath.Dir(dir)
	}
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, p.AdminURL(name))
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, string(text)).ReadAll()
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// execute runs a statement about databases, from one that is none of the tests'.
func execute(ctx context.Context, p *local.Postgres, statement string) error {
	conn, err := pgx.Connect(ctx, p.AdminURL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to the test's Postgres: %w", err)
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}
