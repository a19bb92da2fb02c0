package durable_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/durable"
)

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestAFileIsReplacedAsAWholeAndWithTheModeAskedFor(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "seed")
	require.NoError(t, os.WriteFile(path, []byte("old, and longer than the new"), 0o644))
	require.NoError(t, os.WriteFile(path+".new", []byte("what a crash left"), 0o644))
	require.NoError(t, durable.WriteFile(path, []byte("new"), 0o600))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(content))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.Equal(t, []string{"seed"}, names(t, dir))
}

func TestWhoReadsWhileAFileIsReplacedKeepsTheOldOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	require.NoError(t, durable.WriteFile(path, []byte("old"), 0o600))
	reader, err := os.Open(path)
	require.NoError(t, err)
	defer reader.Close()
	require.NoError(t, durable.WriteFile(path, []byte("new"), 0o600))
	held := make([]byte, 3)
	_, err = reader.Read(held)
	require.NoError(t, err)
	require.Equal(t, "old", string(held), "it was overwritten in place")
}

func TestAFileThatCantBeReplacedStaysAndNothingIsLeftBesideIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "genesis.json")
	require.NoError(t, os.MkdirAll(filepath.Join(path, "in the way"), 0o700))
	err := durable.WriteFile(path, []byte("new"), 0o600)
	require.ErrorContains(t, err, path)
	require.Equal(t, []string{"genesis.json"}, names(t, dir))
	require.ErrorIs(t, durable.WriteFile(filepath.Join(dir, "missing", "seed"), nil, 0o600), os.ErrNotExist)
}

func TestOfManyWhoCreateAFileOneDoesAndNobodyReplacesIt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = durable.CreateFile(path, fmt.Append(nil, i), 0o600) })
	}
	all.Wait()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for i, err := range errs {
		if string(content) == fmt.Sprint(i) {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, os.ErrExist)
			require.ErrorContains(t, err, path)
		}
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.Equal(t, []string{"key"}, names(t, dir))
	require.ErrorIs(t, durable.CreateFile(filepath.Join(dir, "missing", "key"), nil, 0o600), os.ErrNotExist)
}
