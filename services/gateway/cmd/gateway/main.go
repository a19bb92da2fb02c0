// Command gateway records sales for tills.
package main

import (
	gateway "github.com/tillseal/tillseal/services/gateway"
	"github.com/tillseal/tillseal/shared/lifecycle"
)

func main() {
	gateway.Tune()
	lifecycle.Main("gateway", "records sales for tills over HTTP, each exactly once", gateway.Run, gateway.SeriesNext())
}
