// Command chain runs the development chain.
package main

import (
	"github.com/tillseal/tillseal/infra/tools/internal/devchain"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

func main() {
	lifecycle.Main("chain", "a go-ethereum development chain that keeps its blocks; its ether is worth nothing", devchain.Run)
}
