package local

// TurnStreamsOff does what the server does itself when it can't write to its disk.
func (n *NATS) TurnStreamsOff() error { return n.server.DisableJetStream() }

// ByHand is what Ensure and EnsureChromium answer to a process that may not install what is missing.
var ByHand = byHand

// MissingChromium names what EnsureChromium would install, given where Chromium is.
var MissingChromium = missingChromium
