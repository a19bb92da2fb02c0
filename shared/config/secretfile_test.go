package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/fault"
)

func TestASecretFileIsReadWhenItsOwnerAloneMayUseIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed")
	require.NoError(t, os.WriteFile(path, []byte("secret"), 0o600))
	for _, mode := range []os.FileMode{0o600, 0o400} {
		require.NoError(t, os.Chmod(path, mode))
		content, err := config.ReadSecretFile("KEY_FILE", path)
		require.NoError(t, err)
		require.Equal(t, "secret", string(content))
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o610} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := config.ReadSecretFile("KEY_FILE", path)
		require.True(t, fault.Is(err, fault.Invalid), "%v", err)
		require.ErrorContains(t, err, "KEY_FILE has mode 06")
		require.ErrorContains(t, err, "chmod 600")
	}
}

func TestASecretThatStandsInPlaceOfItsFilesPathIsNotShown(t *testing.T) {
	_, err := config.ReadSecretFile("KEY_FILE", "hunter2")
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "KEY_FILE can't be read: no such file")
	require.NotContains(t, err.Error(), "hunter2")
	require.ErrorContains(t, config.CheckSecretFile("KEY_FILE", t.TempDir()), "KEY_FILE is not a regular file")
}
