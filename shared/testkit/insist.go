package testkit

import (
	"testing"
	"time"

	"github.com/tillseal/tillseal/shared/fault"
)

// insistFor is how long Insist goes on: a shared machine stands still for seconds at times.
const insistFor = time.Minute

// Insist does what prepares a test, and does it again while it fails for the moment only: the limits of what a till waits for are not what such a
// test is about. What was done although its answer came too late is a Conflict the next time.
func Insist(t testing.TB, what string, do func() error) {
	t.Helper()
	tries := 0
	Eventually(t, insistFor, what, func() error {
		tries++
		err := do()
		switch {
		case fault.Is(err, fault.Conflict) && tries > 1:
			return nil
		case err != nil && !fault.Is(err, fault.Transient):
			t.Fatalf("%s: %v", what, err)
		}
		return err
	})
}
