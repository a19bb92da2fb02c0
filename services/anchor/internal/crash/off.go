//go:build !crashpoints

// Package crash names the moments at which a test kills the anchor: those between an intent and its effect, or between an effect and
// its entry in the journal. It does nothing unless built with -tags crashpoints, which only the tests do.
package crash

// At marks a moment.
func At(string) {}
