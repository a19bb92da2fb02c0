// Command topology writes the configurations of the streams and durables for the nats command: `make generate`, or with other
// sizes `go run ./infra/tools/cmd/topology -peak 500 -replicas 3 -out <folder>`.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/tillseal/tillseal/infra/tools/internal/topology"
)

func main() {
	peak := flag.Int("peak", 100, "the most sales a second to plan for, as PEAK_SALES_PER_SECOND")
	replicas := flag.Int("replicas", 1, "servers that keep a copy of each stream, as NATS_REPLICAS: 1 or 3")
	out := flag.String("out", "infra/nats", "folder for streams/ and consumers/")
	flag.Parse()
	files, err := topology.Files(*peak, *replicas)
	if err == nil {
		err = topology.Write(*out, files)
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "topology:", err)
		os.Exit(1)
	}
}
