package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	superuser = "postgres"
	// movedBase is the directory for databases whose user cannot reach the requested one.
	movedBase = "/var/lib/tillseal"
)

// postgresEnv keeps the caller's PG* variables and locale out of the server.
func postgresEnv(bin string) []string {
	return []string{"PATH=" + bin + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
}

// prepare makes the database's files, once: Dir stays ours, Dir/data belongs to the user who runs Postgres. It leaves
// p.user, p.bin and p.password set.
func (p *Postgres) prepare(ctx context.Context) error {
	var err error
	if p.user, err = serverUser(p.data()); err != nil {
		return err
	}
	if err := p.user.openTo(p.cfg.Dir); err != nil {
		return fmt.Errorf("open %s to the user of Postgres: %w", p.cfg.Dir, err)
	}
	if p.password, err = secret(filepath.Join(p.cfg.Dir, "password")); err != nil {
		return err
	}
	// What must be entered is where the data is or will be: data that was moved earlier stays where it is.
	target := p.cfg.Dir
	if _, err := os.Lstat(p.data()); err == nil {
		target = resolved(p.data())
	}
	reaching, ok := p.user.reaching(ctx, target)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("start of Postgres aborted: %w", ctx.Err())
	case ok:
		p.user = reaching
	case p.user.credential == nil:
		return fmt.Errorf("cannot enter %s", target)
	case target != p.cfg.Dir:
		return fmt.Errorf("the user of the data in %s cannot enter that directory", target)
	default:
		if err := p.moveAway(); err != nil {
			return err
		}
	}
	if p.initialised() {
		return p.matchBinaries(ctx)
	}
	p.bin = p.cfg.Tools.Postgres
	return p.initdb(ctx)
}

func (p *Postgres) initialised() bool {
	_, err := os.Stat(filepath.Join(p.data(), "PG_VERSION"))
	return err == nil
}

// moveAway makes Dir/data a link to a directory that the user of Postgres can reach. What is there from an earlier Dir lost its password with
// that and is removed.
func (p *Postgres) moveAway() error {
	moved := filepath.Join(movedBase, fmt.Sprintf("%x", sha256.Sum256([]byte(resolved(p.cfg.Dir))))[:16])
	report(p.cfg.Progress, "Postgres cannot enter %s: its data goes to %s", p.cfg.Dir, moved)
	err := os.RemoveAll(moved)
	if err == nil {
		err = os.MkdirAll(moved, 0o755) //nolint:gosec // only to pass through; the data inside is 0700
	}
	if err == nil {
		err = os.Symlink(filepath.Join(moved, "data"), p.data())
	}
	if err != nil {
		return fmt.Errorf("move the data of Postgres to %s: %w", moved, err)
	}
	return nil
}

// initdb creates the database in a directory beside the final one and renames it when it is complete, so that data exists only complete.
// Passwords are SCRAM from the start: other users of the machine reach loopback too.
func (p *Postgres) initdb(ctx context.Context) error {
	report(p.cfg.Progress, "creating the Postgres database in %s", p.cfg.Dir)
	target := p.data()
	if link, err := os.Readlink(target); err == nil {
		target = link
	}
	fresh := target + ".new"
	pwfile := filepath.Join(fresh, "pw")
	err := os.RemoveAll(fresh)
	if err == nil {
		err = os.Mkdir(fresh, 0o700)
	}
	cluster := filepath.Join(fresh, "cluster")
	if err == nil {
		err = os.WriteFile(pwfile, []byte(p.password+"\n"), 0o600)
	}
	if err == nil {
		err = errors.Join(p.user.own(fresh), p.user.own(pwfile))
	}
	if err != nil {
		return fmt.Errorf("prepare %s for initdb: %w", fresh, err)
	}
	args := []string{
		"--pgdata=" + cluster, "--username=" + superuser, "--pwfile=" + pwfile, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C",
	}
	if !p.cfg.Durable {
		args = append(args, "--no-sync")
	}
	err = runTool(ctx, childSpec{
		name: "initdb", path: filepath.Join(p.bin, "initdb"), args: args, dir: "/", env: postgresEnv(p.bin),
		log: filepath.Join(p.cfg.Dir, "initdb.log"), user: p.user,
	})
	if err == nil {
		err = os.Rename(cluster, target)
	}
	return errors.Join(err, os.RemoveAll(fresh))
}

// matchBinaries finds the programs of the release that wrote the data: others refuse it.
func (p *Postgres) matchBinaries(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION"))
	if err != nil {
		return fmt.Errorf("read the release of the data: %w", err)
	}
	want := strings.TrimSpace(string(text))
	p.bin = p.cfg.Tools.Postgres
	if got, err := postgresRelease(ctx, p.bin); err != nil || got == want {
		return err
	}
	for _, bin := range postgresDirs() {
		if got, err := postgresRelease(ctx, bin); err == nil && got == want {
			p.bin = bin
			return nil
		}
	}
	return fmt.Errorf("the data in %s was written by Postgres %s, which is not installed: install that release or remove the data", p.cfg.Dir, want)
}

// Remove deletes a stopped server's directory and its data, wherever that is.
func (p *Postgres) Remove() error {
	var err error
	if link, e := os.Readlink(p.data()); e == nil && strings.HasPrefix(link, movedBase+"/") {
		err = os.RemoveAll(filepath.Dir(link))
	}
	return errors.Join(err, os.RemoveAll(p.cfg.Dir))
}
