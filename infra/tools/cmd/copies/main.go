// Command copies makes the streams that downstream systems read.
package main

import (
	"github.com/tillseal/tillseal/infra/tools/internal/copies"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

func main() {
	lifecycle.Main("copies", "makes the copies of the sale events for downstream systems, then ends", copies.Run)
}
