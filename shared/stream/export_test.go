package stream

// AckWait is how soon a message comes again that nobody settles.
const AckWait = ackWait
