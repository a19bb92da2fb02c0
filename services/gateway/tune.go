package gateway

import "runtime/debug"

// What the gateway's program gives the garbage collector: most of what a request leaves behind is garbage at once, so that it may
// wait for more of it, and the limit keeps it from growing under load.
const (
	gcPercent        = 200
	memoryLimitBytes = 110 << 20
)

// Tune sets this process's garbage collector for a gateway. Programs that run nothing else call it before Run.
func Tune() {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimitBytes)
}
