package book

import (
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
)

// parked is a message that its service parked, as the table stores it.
type parked struct {
	stream, service, reason, subject string
	sequence                         int64
	saleID                           *string // null when the message named no sale
	data                             []byte
	at                               time.Time
	forged                           bool
	event.Claim
}

// claimOf is what a parked message says its sale is.
func claimOf(e *event.Parked) (c event.Claim) {
	if c = event.ClaimOf(e.Data); e.Claim != nil {
		c = *e.Claim
	}
	for _, text := range []*string{c.Currency, c.Total} {
		if text != nil {
			*text = clean(*text, maxName)
		}
	}
	return c
}

const (
	maxText = 2000 // bytes of a reason or subject that are kept
	maxName = 255  // and of a stream's or service's name, which are in a key: NATS accepts no longer ones
)

// readParked takes every message: one that is not an event.Parked is itself kept, as a message that could not be read.
func readParked(msg stream.Message) (parked, error) {
	sentAt, _ := event.TimeOf(msg.Header) // the zero time, the same at each delivery, when there is none
	e, unlike := event.Decode[event.Parked](msg.Data)
	if ours := unlike == nil && e.Service != "" && e.Stream != ""; !ours {
		return parked{
			stream: stream.SalesDLQ, service: "unknown", reason: "a message in SALES_DLQ that none of the services wrote", subject: clean(msg.Subject, maxText),
			sequence: int64(msg.Sequence), saleID: saleID(event.SubjectOf(msg.Header)), data: nonNil(msg.Data), at: sentAt,
		}, nil
	}
	at, err := parseTime(e.At, "at")
	if err != nil {
		at = sentAt
	}
	data := []byte(e.Data)
	if data == nil {
		data = e.Raw
	}
	return parked{
		stream: clean(e.Stream, maxName), service: clean(e.Service, maxName), reason: clean(e.Reason, maxText), subject: clean(e.Subject, maxText),
		sequence: int64(e.Sequence),
		saleID:   saleID(e.SaleID), data: nonNil(data), at: at, forged: e.Forged, Claim: claimOf(&e),
	}, nil
}

func parkedColumns(rows []parked) pgx.NamedArgs {
	return pgx.NamedArgs{
		"stream":   postgres.Column(rows, func(r *parked) string { return r.stream }),
		"sequence": postgres.Column(rows, func(r *parked) int64 { return r.sequence }),
		"service":  postgres.Column(rows, func(r *parked) string { return r.service }),
		"reason":   postgres.Column(rows, func(r *parked) string { return r.reason }),
		"subject":  postgres.Column(rows, func(r *parked) string { return r.subject }),
		"sale_id":  postgres.Column(rows, func(r *parked) *string { return r.saleID }),
		"data":     postgres.Column(rows, func(r *parked) []byte { return r.data }),
		"at":       postgres.Column(rows, func(r *parked) time.Time { return r.at }),

		"forged":    postgres.Column(rows, func(r *parked) bool { return r.forged }),
		"sale_hash": postgres.Column(rows, func(r *parked) []byte { return hashBytes(r.SaleHash) }),
		"currency":  postgres.Column(rows, func(r *parked) *string { return r.Currency }),
		"total":     postgres.Column(rows, func(r *parked) *string { return r.Total }),
	}
}

// clean makes text that Postgres accepts: valid UTF-8, no NUL, not too long.
func clean(text string, limit int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "")
	}
	return text
}

// saleID is null for text that is not a sale's id: a parked batch names its batch there.
func saleID(text string) *string {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil
	}
	text = id.String()
	return &text
}

// nonNil makes an empty body of none, which the table refuses.
func nonNil(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}
