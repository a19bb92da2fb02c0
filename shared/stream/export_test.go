package stream

// AckWait is how soon a message that nobody acknowledges is delivered again.
const AckWait = ackWait
