//go:build crashpoints

// Package crash kills the process at a moment named by CRASH_AT; see off.go.
package crash

import (
	"os"
	"syscall"
)

// At kills the process when this is the moment that CRASH_AT names.
func At(moment string) {
	if os.Getenv("CRASH_AT") != moment {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}
