package closer

// MaxWaiting is how many closings may wait for their turn.
const MaxWaiting = maxWaiting

// MaxOfTerminal is how many of one terminal run and wait.
const MaxOfTerminal = maxOfTerminal

// Waiting is how many closings wait for their turn.
func (c *Closer) Waiting() int { return len(c.waiting) }
