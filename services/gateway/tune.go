package gateway

import "runtime/debug"

// Settings of the garbage collector for the gateway's program: most of what a request allocates is garbage at once, so collecting may wait
// for more of it, and the limit keeps memory from growing under load.
const (
	gcPercent        = 200
	memoryLimitBytes = 110 << 20
)

// Tune sets this process's garbage collector for a gateway. Programs that run nothing else call it before Run.
func Tune() {
	debug.SetGCPercent(gcPercent)
	debug.SetMemoryLimit(memoryLimitBytes)
}
