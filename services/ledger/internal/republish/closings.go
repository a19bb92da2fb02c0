package republish

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/intact"
)

// Closing is a stored closing that is to be published for the Generation-th time, counted as for a Sale.
type Closing struct {
	Chain, StoreID string
	Number         int64
	Body           []byte
	Generation     int
}

// SiftClosings returns the messages of the closings that can be published, and the closings that NATS takes from nobody for their size, which
// it logs. A body that is not the closing that its row is of is in neither, with an alarm that shows nothing of it.
func (p *Publisher) SiftClosings(closings []Closing) (msgs []*nats.Msg, tooLarge []Closing) {
	msgs = make([]*nats.Msg, 0, len(closings))
	for _, c := range closings {
		msg, ok := c.message()
		if !ok {
			p.alarm.Raise(intact.Closing, "terminal_id", c.Chain, "closing_number", c.Number)
			continue
		}
		if err := p.bus.Fits(msg); err != nil {
			p.log.Error("a closing is larger than what NATS takes and is not published: it has thousands of types of tender or rates of tax",
				"closing", event.SubjectOf(msg.Header), "error", err)
			tooLarge = append(tooLarge, c)
			continue
		}
		msgs = append(msgs, msg)
	}
	return msgs, tooLarge
}

// PublishClosings publishes what SiftClosings returned, and returns once all are acknowledged. It writes nothing: the caller must have
// committed before that they are to be published.
func (p *Publisher) PublishClosings(ctx context.Context, msgs []*nats.Msg) error {
	return p.bus.PublishAll(ctx, msgs)
}

// message is the same as the gateway's for this closing, except for source, generation and trace. The body is the stored one, with any members
// that this build does not know.
func (c Closing) message() (msg *nats.Msg, ok bool) {
	e, err := event.Decode[event.SalesClosed](c.Body)
	if err != nil || e.StoreID != c.StoreID || e.TerminalID != c.Chain || e.ClosingNumber != uint64(c.Number) {
		return nil, false
	}
	msg = event.Closed(e, "ledger", c.Generation, "")
	msg.Data = c.Body
	return msg, true
}
