package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func runChild(dir string, hold bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	e, err := startEngine(ctx, dir, written{}, os.Stderr)
	if err != nil {
		return err
	}
	w, err := e.write(ctx)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(w); err != nil {
		return err
	}
	if hold {
		<-ctx.Done()
	}
	return e.stop(ctx)
}

// child runs this binary as a program on dir. Its first line of output is what it wrote.
func child(t *testing.T, dir string, hold bool, as *syscall.Credential, wrap ...string) (*exec.Cmd, written) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	if as != nil { // the directory of a test binary is closed to other users
		self = copyProgram(t, self)
	}
	args := append(wrap, self)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), childDir+"="+dir, "HOME=/nonexistent")
	if hold {
		cmd.Env = append(cmd.Env, childHold+"=1")
	}
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var w written
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the program prints what it wrote")
	require.NoError(t, json.Unmarshal(lines.Bytes(), &w))
	return cmd, w
}

func copyProgram(t *testing.T, path string) string {
	t.Helper()
	dir := openDir(t)
	from, err := os.Open(path)
	require.NoError(t, err)
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(dir, "program"), os.O_CREATE|os.O_WRONLY, 0o755)
	require.NoError(t, err)
	_, err = io.Copy(to, from)
	require.NoError(t, err)
	require.NoError(t, to.Close())
	return to.Name()
}

// openDir is a directory that every user may pass through.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tillseal-local-") //nolint:usetesting // its mode and its removal are the point
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// closedDir is a directory under one that only its owner may enter, such as a clone in root's home.
func closedDir(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "tillseal-local-") //nolint:usetesting // its mode and its removal are the point
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(home)) })
	return filepath.Join(home, "clone", ".run")
}

// engineOf starts everything in dir and stops it with the test, if not before.
func engineOf(t *testing.T, dir string, at written) engine {
	t.Helper()
	e, err := startEngine(t.Context(), dir, at, t.Output())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, e.stop(context.Background()))
	})
	return e
}

// gone reports whether a process has ended; one that waits for its new parent to notice has.
func gone(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, _ := strings.Cut(string(stat), ") ")
	return os.IsNotExist(err) || strings.HasPrefix(state, "Z")
}
