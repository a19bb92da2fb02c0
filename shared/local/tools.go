package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Tools are the programs that this package runs.
type Tools struct {
	Postgres string // directory of postgres and initdb
	Redis    string // redis-server or valkey-server
}

// debianPostgres is where Debian keeps each release's server programs, which are not on the PATH.
const debianPostgres = "/usr/lib/postgresql/*/bin"

// find finds what is installed; a tool that is not stays empty.
func find() Tools {
	var t Tools
	if dirs := postgresDirs(); len(dirs) > 0 {
		t.Postgres = dirs[0]
	}
	for _, name := range redisPrograms {
		if path, err := exec.LookPath(name); err == nil {
			t.Redis = path
			break
		}
		// A user's PATH may lack the system's programs.
		if path := filepath.Join("/usr/bin", name); executable(path) {
			t.Redis = path
			break
		}
	}
	return t
}

// postgresDirs lists the installed releases, the newest first, then what the PATH has.
func postgresDirs() []string {
	found, _ := filepath.Glob(debianPostgres)
	slices.SortFunc(found, func(a, b string) int { return debianRelease(b) - debianRelease(a) })
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			found = append(found, filepath.Dir(path))
		}
	}
	return slices.DeleteFunc(found, func(dir string) bool {
		return !executable(filepath.Join(dir, "postgres")) || !executable(filepath.Join(dir, "initdb"))
	})
}

// debianRelease reads the major release from .../postgresql/15/bin.
func debianRelease(bin string) int {
	major, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return major
}

// postgresRelease is the major release as PG_VERSION writes it.
func postgresRelease(ctx context.Context, bin string) (string, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version").Output() //nolint:gosec // a directory found by find
	if err != nil {
		return "", fmt.Errorf("ask %s for its release: %w", bin, err)
	}
	words := strings.Fields(string(out)) // postgres (PostgreSQL) 15.14 (Debian …)
	if len(words) < 3 {
		return "", fmt.Errorf("%s reports its release as %q", bin, out)
	}
	major, _, _ := strings.Cut(words[2], ".")
	return major, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// missing names the Debian packages that would complete t.
func (t Tools) missing() []string {
	var packages []string
	if t.Postgres == "" {
		packages = append(packages, "postgresql")
	}
	if t.Redis == "" {
		packages = append(packages, "redis-server")
	}
	return packages
}
