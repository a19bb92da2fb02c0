// Command pricing turns committed sales into priced ones.
package main

import (
	"github.com/tillseal/tillseal/services/pricing"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

func main() {
	lifecycle.Main("pricing", "prices each recorded sale in wei and says where the rate came from", pricing.Run)
}
