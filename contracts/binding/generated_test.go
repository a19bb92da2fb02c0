package binding

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is checked in is what the sources, foundry.toml and the pinned compilers give.
func TestTheBindingIsWhatTheSourcesGive(t *testing.T) {
	for _, needed := range []string{"@foundry-rs/forge", "solc", "@openzeppelin/contracts"} {
		if _, err := os.Stat(filepath.Join("..", "node_modules", needed)); err != nil {
			t.Fatalf("contracts/node_modules has no %s: run `make tools` (npm ci in contracts/), then test again", needed)
		}
	}
	// go test's cache knows only the files that the test itself opens, not the compiler's.
	for _, input := range []string{
		"../src/SaleAnchor.sol", "../src/ISaleAnchor.sol", "../foundry.toml", "../package-lock.json", "../tools/build.mjs",
		"../tools/solc", "../tools/bindgen/main.go",
	} {
		_, err := os.ReadFile(input)
		require.NoError(t, err)
	}
	fresh := t.TempDir()
	run(t, "node", filepath.Join("..", "tools", "build.mjs"), fresh)
	run(t, "go", "run", "../tools/bindgen", fresh, fresh)

	for _, name := range []string{"SaleAnchor.abi", "SaleAnchor.bin", "SaleAnchor.bin-runtime", "saleanchor.go"} {
		want, err := os.ReadFile(filepath.Join(fresh, name))
		require.NoError(t, err)
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		if !bytes.Equal(want, got) {
			t.Errorf("binding/%s is not what contracts/src gives: run `npm run generate` in contracts/ and commit it", name)
		}
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoErrorf(t, err, "%s %v:\n%s", name, args, out)
}
