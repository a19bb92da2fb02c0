// Command ledger keeps what is anchored, answers for every sale's state and proof, and repairs what the pipeline lost.
package main

import (
	"github.com/tillseal/tillseal/services/ledger"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

func main() {
	lifecycle.Main("ledger", "keeps what is anchored, hands out proofs, repairs what the pipeline lost", ledger.Run)
}
