package local

// TurnStreamsOff does what the server does itself when it can't write to its disk.
func (n *NATS) TurnStreamsOff() error { return n.server.DisableJetStream() }
