package testkit

import (
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// patience is how long a test waits for one answer of NATS, which takes milliseconds: nats.go's own limits of two and five seconds
// are too short for a machine that runs all packages' tests at once. What is asked again and again keeps a limit of its own, since an
// answer that was lost with a connection never comes.
const patience = time.Minute

// Options for nats.Connect and jetstream.New with which a busy machine fails no test.
var (
	Patient   = nats.Timeout(patience)
	PatientJS = jetstream.WithDefaultTimeout(patience)
)
