// Command chain runs the development chain.
package main

import (
	"os"

	"github.com/tillseal/tillseal/infra/tools/internal/devchain"
	"github.com/tillseal/tillseal/shared/lifecycle"
	"github.com/tillseal/tillseal/shared/local"
)

func main() {
	local.TellChainsEnd(os.Stderr)
	lifecycle.Main("chain", "a go-ethereum development chain that keeps its blocks; its ether is worth nothing", devchain.Run)
}
