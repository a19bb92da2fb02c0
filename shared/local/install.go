package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tillseal/tillseal/shared/wait"
)

const (
	// installLock serialises installations by several processes, such as the test binaries of one run.
	installLock = "/var/lib/tillseal/install.lock"
	// aptLockWait is how long apt-get waits for another apt-get, an unattended upgrade for instance.
	aptLockWait = 300 * time.Second
	// createCluster is read when a Postgres server package is installed; postgresql-common brings it.
	createCluster = "/etc/postgresql-common/createcluster.conf"
	// policy is asked by the packages' scripts before they start a service; 101 forbids it.
	policy = "/usr/sbin/policy-rc.d"
)

// Ensure finds the server programs. What is missing it installs from the system's packages when this process is root,
// without leaving the distribution's own Postgres or Redis running; otherwise the error has the command to run. What
// is present is never upgraded. Safe to call from several processes at once.
func Ensure(ctx context.Context, progress io.Writer) (Tools, error) {
	err := ensure(ctx, progress, func() []string { return find().missing() })
	return find(), err
}

// ensure installs the packages that are missing.
func ensure(ctx context.Context, progress io.Writer, missing func() []string) error {
	packages := missing()
	if len(packages) == 0 {
		return nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("%s missing and there is no apt-get to install it with: install it and start again", strings.Join(packages, " and "))
	}
	if os.Geteuid() != 0 {
		return byHand(packages)
	}
	unlock, err := lockInstall(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	packages = missing() // another process may have been here
	if len(packages) > 0 {
		i := installer{apt: apt, progress: progress}
		if err := i.install(ctx, packages); err != nil {
			return fmt.Errorf("install %s: %w", strings.Join(packages, " and "), err)
		}
	}
	if packages = missing(); len(packages) > 0 {
		return fmt.Errorf("%s was installed, but its program is not found", strings.Join(packages, " and "))
	}
	return nil
}

// byHand says how to install what this process may not.
func byHand(packages []string) error {
	return fmt.Errorf("%s missing; install with: sudo apt-get install --no-install-recommends -y %s",
		strings.Join(packages, " and "), strings.Join(packages, " "))
}

func lockInstall(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(installLock), 0o755); err != nil { //nolint:gosec // other users pass through to their data
		return nil, fmt.Errorf("create the directory of the install lock: %w", err)
	}
	f, err := os.OpenFile(installLock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the install lock: %w", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("take the install lock: %w", err), f.Close())
		}
		if !wait.Pause(ctx, 10*pollEvery) {
			return nil, errors.Join(fmt.Errorf("wait for another installation: %w", ctx.Err()), f.Close())
		}
	}
}

type installer struct {
	apt      string
	progress io.Writer
}

func (i installer) install(ctx context.Context, packages []string) error {
	before := distributionServers()
	restorePolicy, err := forbidStarts()
	if err != nil {
		return err
	}
	defer restorePolicy()
	if slices.Contains(packages, "postgresql") {
		// Its configuration must say "no cluster" before a server package reads it; the package creates the file first, so that apt asks no
		// question about a changed one.
		if err := i.get(ctx, "postgresql-common"); err != nil {
			return err
		}
		restoreCluster, err := forbidCluster()
		if err != nil {
			return err
		}
		defer restoreCluster()
	}
	if err := i.get(ctx, packages...); err != nil {
		return err
	}
	return i.stopStarted(ctx, before)
}

// get installs packages; stale or missing package lists are fetched when the first try fails.
func (i installer) get(ctx context.Context, packages ...string) error {
	report(i.progress, "installing %s (apt-get)", strings.Join(packages, ", "))
	args := append([]string{"install", "-y", "--no-install-recommends", "--no-upgrade"}, packages...)
	if err := i.run(ctx, args...); err == nil || ctx.Err() != nil {
		return err
	}
	report(i.progress, "fetching the package lists (apt-get)")
	update := i.run(ctx, "update")
	if err := i.run(ctx, args...); err != nil {
		return errors.Join(update, err)
	}
	return nil // lists that are partly out of date were good enough
}

// run shows apt-get's steps and quotes its errors.
func (i installer) run(ctx context.Context, args ...string) error {
	options := []string{
		"-o", fmt.Sprintf("DPkg::Lock::Timeout=%d", int(aptLockWait.Seconds())),
		"-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Use-Pty=0", "-q",
	}
	cmd := exec.CommandContext(ctx, i.apt, append(options, args...)...) //nolint:gosec // apt-get of the PATH, packages of this file
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // dpkg must not be torn down half way
	cmd.WaitDelay = stopLimit
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("run apt-get: %w", err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run apt-get: %w", err)
	}
	var failures []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		switch word, _, _ := strings.Cut(line, " "); word {
		case "E:", "dpkg:", "Err:":
			failures = append(failures, line)
		case "Unpacking", "Setting":
			report(i.progress, "  %s", line)
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("apt-get %s: %w: %s", args[0], errors.Join(ctx.Err(), err), strings.Join(failures, "; "))
	}
	return nil
}

// forbidStarts keeps packages from starting services, unless the machine has a policy of its own.
func forbidStarts() (restore func(), err error) {
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755) //nolint:gosec // packages' scripts run it
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err == nil {
		_, err = f.WriteString("#!/bin/sh\n# written by Tillseal for the time of one installation\nexit 101\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("forbid the start of services: %w", err)
	}
	return func() { _ = os.Remove(policy) }, nil
}

// forbidCluster keeps the server package from creating the distribution's own database.
func forbidCluster() (restore func(), err error) {
	kept, err := os.ReadFile(createCluster)
	if err != nil {
		return nil, fmt.Errorf("read the settings of new databases: %w", err)
	}
	// The last line of a name counts.
	forbidden := append(slices.Clone(kept), []byte("\ncreate_main_cluster = false\n")...)
	if err := os.WriteFile(createCluster, forbidden, 0o644); err != nil { //nolint:gosec // as the package has it
		return nil, fmt.Errorf("forbid the distribution's own database: %w", err)
	}
	return func() { _ = os.WriteFile(createCluster, kept, 0o644) }, nil //nolint:gosec // as the package has it
}

// stopStarted is a second line of defence beside the policy: the distribution's servers that were not running before are stopped, and not
// started at the next boot either.
func (i installer) stopStarted(ctx context.Context, before []int) error {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		for _, unit := range []string{"redis-server", "postgresql"} {
			if len(before) == 0 {
				_ = exec.CommandContext(ctx, "systemctl", "disable", "--now", unit).Run() //nolint:gosec // of the list above; an unknown unit is fine
			}
		}
	}
	for begin := time.Now(); ; {
		started := slices.DeleteFunc(distributionServers(), func(pid int) bool { return slices.Contains(before, pid) })
		if len(started) == 0 {
			return nil
		}
		if time.Since(begin) > killLimit {
			return fmt.Errorf("the installation started processes %v, which do not stop", started)
		}
		for _, pid := range started {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
		if !wait.Pause(ctx, 10*pollEvery) {
			return fmt.Errorf("stop what the installation started: %w", ctx.Err())
		}
	}
}

// distributionServers lists the processes that work in the data directories of the distribution's packages; ours work
// in their own.
func distributionServers() []int {
	var pids []int
	programs := append([]string{"postgres"}, redisPrograms...)
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "comm"))
		cwd, _ := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		for _, data := range []string{"/var/lib/redis", "/var/lib/valkey", "/var/lib/postgresql"} {
			if slices.Contains(programs, strings.TrimSpace(string(comm))) && (cwd == data || strings.HasPrefix(cwd, data+"/")) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
