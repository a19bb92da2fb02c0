// Command anchor runs the anchor service.
package main

import (
	"github.com/tillseal/tillseal/services/anchor"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

func main() {
	lifecycle.Main("anchor", "puts priced sales into Merkle batches and their roots on Ethereum", anchor.Run)
}
