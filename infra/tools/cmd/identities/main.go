// Command identities makes the nkeys that everybody logs in to NATS with.
package main

import (
	"github.com/tillseal/tillseal/infra/tools/internal/identity"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

func main() {
	lifecycle.Main("identities", "makes the NATS identities that are missing, then ends", identity.Run)
}
