package anchor_test

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/testkit"
)

// anvil starts Foundry's node, which shares no code with go-ethereum, and returns its URL. It comes with the contracts' npm
// tools: make tools.
func anvil(t *testing.T) string {
	t.Helper()
	where, err := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e",
		"import { foundryBinary } from '../../contracts/tools/foundry.mjs'; console.log(foundryBinary('anvil'))").CombinedOutput()
	require.NoError(t, err, "node and the npm tools are needed (make tools): %s", where)
	port := strconv.Itoa(testkit.FreePort(t))
	cmd := exec.CommandContext(t.Context(), strings.TrimSpace(string(where)), "--port", port, "--block-time", "1", "--silent")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url := "http://127.0.0.1:" + port
	testkit.Eventually(t, soon, "anvil answers", func() error {
		node, err := ethclient.Dial(url)
		if err != nil {
			return err
		}
		defer node.Close()
		_, err = node.BlockNumber(t.Context())
		return err
	})
	return url
}

func TestANodeOfAnotherMakeIsAnchoredOnAlike(t *testing.T) {
	h := setup(t)
	h.rpc = anvil(t)
	h.cfg.Provider = config.Secret(h.rpc)
	h.start()
	sold := h.sell(60)
	h.verify(sold, h.anchored(sold, nil))
}
