//go:build !crashpoints

// Package crash names the moments at which a test kills the anchor: those between an intent and its effect, or an effect and
// its note. It does nothing unless built with -tags crashpoints, which only the tests do.
package crash

// At marks a moment.
func At(string) {}
