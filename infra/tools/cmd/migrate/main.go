// Command migrate prepares the database: the schema, the roles and their passwords.
package main

import (
	"github.com/tillseal/tillseal/infra/tools/internal/migrate"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

func main() {
	lifecycle.Main("migrate", "brings the database to this build's schema, then ends", migrate.Run)
}
