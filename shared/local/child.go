package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tillseal/tillseal/shared/wait"
)

const (
	// quotedLines is how much of a server's log an error carries.
	quotedLines = 12
	// quotedBytes bounds what is read of the log for that.
	quotedBytes = 8 << 10
)

// childSpec describes a process to run.
type childSpec struct {
	name   string // for people
	path   string
	args   []string
	dir    string
	env    []string
	log    string         // its output; the previous run's is kept as .1; empty: none
	user   runAs          // zero: this process's user
	ondead syscall.Signal // what the kernel sends it when this process dies
}

// child is a running process in a process group of its own: a terminal's Ctrl-C reaches only its parent.
type child struct {
	spec childSpec
	cmd  *exec.Cmd
	done chan struct{} // closed once it was waited for
	err  error         // how it ended; read after done
}

// startChild starts the process. The parent-death signal belongs to the thread that forked, not to the process, so
// the goroutine that starts the child keeps its thread until the child is gone.
func startChild(spec childSpec) (*child, error) {
	var out *os.File // nil: /dev/null
	if spec.log != "" {
		if err := os.Rename(spec.log, spec.log+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("move the last log of %s: %w", spec.name, err)
		}
		var err error
		if out, err = os.OpenFile(spec.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600); err != nil {
			return nil, fmt.Errorf("open the log of %s: %w", spec.name, err)
		}
		defer out.Close()
	}
	cmd := exec.Command(spec.path, spec.args...) //nolint:gosec,noctx // a program found by find; it outlives the context of its start
	cmd.Dir, cmd.Env = spec.dir, spec.env
	if out != nil { // a nil *os.File in the interface would not be nil
		cmd.Stdout, cmd.Stderr = out, out
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid: true, Pdeathsig: spec.ondead, Credential: spec.user.credential, AmbientCaps: spec.user.ambient,
	}
	c := &child{spec: spec, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		c.err = cmd.Wait()
		close(c.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.name, err)
	}
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// ending is how the child ended, for an error: a server that exits with status 0 has failed as well.
func (c *child) ending() error {
	if c.err == nil {
		return errors.New("exit status 0")
	}
	return c.err
}

// signal is a no-op on a child that is gone.
func (c *child) signal(s syscall.Signal) {
	if c.running() {
		_ = c.cmd.Process.Signal(s)
	}
}

// kill ends the child's whole group at once and waits for the child.
func (c *child) kill() {
	if c.running() {
		_ = syscall.Kill(-c.pid(), syscall.SIGKILL)
	}
	<-c.done
}

// stop sends s and waits; after ctx, or stopLimit, it kills and returns an error.
func (c *child) stop(ctx context.Context, s syscall.Signal) error {
	ctx, cancel := bounded(ctx, stopLimit)
	defer cancel()
	c.signal(s)
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		c.kill()
		return fmt.Errorf("%s did not stop in time and was killed: %w", c.spec.name, ctx.Err())
	}
}

// awaitReady polls check until it succeeds. When the child ends first, ctx does, or startLimit is over, nothing is
// left running and the error quotes the child's last words.
func (c *child) awaitReady(ctx context.Context, check func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := check(limited)
		if err == nil && c.running() {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended while starting (%w); its log %s says:\n%s", c.spec.name, c.ending(), c.spec.log, lastLines(c.spec.log))
		case <-limited.Done():
			c.kill()
			if ctx.Err() != nil {
				return fmt.Errorf("start of %s aborted: %w", c.spec.name, ctx.Err())
			}
			return fmt.Errorf("%s gave no answer within %s (%w); its log %s says:\n%s", c.spec.name, startLimit, err, c.spec.log, lastLines(c.spec.log))
		case <-tick.C:
		}
	}
}

// runTool runs a short-lived program under the same rules as a server and waits for it.
func runTool(ctx context.Context, spec childSpec) error {
	spec.ondead = syscall.SIGKILL
	c, err := startChild(spec)
	if err != nil {
		return err
	}
	select {
	case <-c.done:
		if c.err != nil {
			return fmt.Errorf("%s failed (%w):\n%s", spec.name, c.err, lastLines(spec.log))
		}
		return nil
	case <-ctx.Done():
		c.kill()
		return fmt.Errorf("%s aborted: %w", spec.name, ctx.Err())
	}
}

// lastLines quotes the end of a log, indented.
func lastLines(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "  (" + err.Error() + ")"
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-quotedBytes), io.SeekStart)
	}
	text, _ := io.ReadAll(io.LimitReader(f, quotedBytes))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-quotedLines):], "\n  ")
}

// processesIn lists the processes of one of the named programs whose working directory is dir. Both Postgres, its
// backends included, and Redis work in their data directory, so this finds what a killed process left behind and
// never a stranger with a reused id.
func processesIn(dir string, programs ...string) []int {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil
	}
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		cwd, err := os.Readlink(filepath.Join("/proc", e.Name(), "cwd"))
		if err != nil || cwd != dir {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "comm"))
		if slices.Contains(programs, string(bytes.TrimSpace(comm))) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// clearOrphans ends the processes that work in dir: after the parent-death signal most are ending already, so they get a moment before they
// are killed.
func clearOrphans(ctx context.Context, grace time.Duration, dir string, programs ...string) error {
	begin := time.Now()
	for {
		pids := processesIn(dir, programs...)
		if len(pids) == 0 {
			return nil
		}
		if time.Since(begin) >= grace {
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if time.Since(begin) > grace+killLimit {
			return fmt.Errorf("processes %v are still running in %s and cannot be stopped", pids, dir)
		}
		if !wait.Pause(ctx, pollEvery) {
			return fmt.Errorf("wait for processes %v in %s: %w", pids, dir, ctx.Err())
		}
	}
}
