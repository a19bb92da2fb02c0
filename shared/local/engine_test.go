package local_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEverythingKeepsItsDataOverAStop(t *testing.T) {
	dir := closedDir(t)
	e := engineOf(t, dir, written{})
	w, err := e.write(t.Context())
	require.NoError(t, err)
	require.NoError(t, e.stop(t.Context()))

	again := engineOf(t, dir, w)
	again.requireWritten(t, w)
	require.NoError(t, again.stop(t.Context()))
	require.NoError(t, again.postgres.Remove())
}

func TestAKilledProcessTakesItsServersAlongAndLosesNothing(t *testing.T) {
	dir := closedDir(t)
	cmd, w := child(t, dir, true, nil)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()

	// At once, while what the kernel ends with its parent may still be ending.
	again := engineOf(t, dir, w)
	for _, pid := range w.Pids {
		require.True(t, gone(pid), "process %d outlived its parent", pid)
	}
	again.requireWritten(t, w)
	require.NoError(t, again.stop(t.Context()))
	require.NoError(t, again.postgres.Remove())
}

func TestServersOfAKilledProcessEndByThemselves(t *testing.T) {
	cmd, w := child(t, closedDir(t), true, nil)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	for _, pid := range w.Pids {
		require.Eventually(t, func() bool { return gone(pid) }, time.Minute, 10*time.Millisecond)
	}
}

func TestAnyUserRunsTheEngine(t *testing.T) {
	if ordinaryUser(t) {
		return
	}
	dir := openDir(t)
	require.NoError(t, os.Chown(dir, 65534, 65534))
	cmd, w := child(t, dir, false, &syscall.Credential{Uid: 65534, Gid: 65534})
	require.NoError(t, cmd.Wait())
	require.NotZero(t, w.Block)
	info, err := os.Stat(filepath.Join(dir, "postgres", "data"))
	require.NoError(t, err)
	require.Equal(t, uint32(65534), info.Sys().(*syscall.Stat_t).Uid)

	// Root may take over what a user began: Postgres then runs as that user.
	again := engineOf(t, dir, w)
	again.requireWritten(t, w)
	require.NoError(t, again.stop(t.Context()))
}

func TestWithoutTheRightToPassClosedDirectoriesTheDataMoves(t *testing.T) {
	if ordinaryUser(t) {
		return
	}
	dir := closedDir(t)
	drop := []string{"setpriv", "--bounding-set=-dac_read_search", "--inh-caps=-dac_read_search"}
	cmd, _ := child(t, dir, false, nil, drop...)
	require.NoError(t, cmd.Wait())
	link, err := os.Readlink(filepath.Join(dir, "postgres", "data"))
	require.NoError(t, err)
	require.Contains(t, link, "/var/lib/tillseal/")

	again := engineOf(t, dir, written{})
	require.Equal(t, "42", query(t, again.postgres, "SELECT answer::text FROM kept"))
	require.NoError(t, again.stop(t.Context()))
	require.NoError(t, again.postgres.Remove())
	_, err = os.Stat(filepath.Dir(link))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// ordinaryUser reports whether this process can't become another user; then every other test here is run by one already.
func ordinaryUser(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return false
	}
	t.Log("run by an ordinary user: the other tests show what this one would")
	return true
}
