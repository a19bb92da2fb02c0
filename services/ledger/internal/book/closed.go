package book

import (
	"context"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/postgres"
	"github.com/tillseal/tillseal/shared/stream"
)

// closed is a SalesClosed as it came, to be compared with what is stored.
type closed struct {
	event.SalesClosed

	addressed string // the store in the message's subject
	body      string
}

// Closed handles deliveries of SALES_CLOSED. One that is not the closing that the gateway stored is Forged.
func (b *Book) Closed(ctx context.Context, batch []stream.Message) []error {
	return keep(ctx, batch, readClosed, func(ctx context.Context, rows []closed) ([]error, error) {
		return b.writeBorneOut(ctx, ofClosing, closedColumns(rows), len(rows))
	})
}

func readClosed(msg stream.Message) (closed, error) {
	e, err := event.Decode[event.SalesClosed](msg.Data)
	if err != nil {
		return closed{}, err
	}
	if e.ClosingNumber == 0 || e.ClosingNumber > math.MaxInt64 {
		return closed{}, fault.New(fault.Invalid, "closing_number starts at 1")
	}
	return closed{SalesClosed: e, addressed: strings.TrimPrefix(msg.Subject, event.SubjectClosed+"."), body: string(msg.Data)}, nil
}

func closedColumns(rows []closed) pgx.NamedArgs {
	return pgx.NamedArgs{
		"chain":          postgres.Column(rows, func(r *closed) string { return r.TerminalID }),
		"closing_number": postgres.Column(rows, func(r *closed) int64 { return int64(r.ClosingNumber) }),
		"store_id":       postgres.Column(rows, func(r *closed) string { return r.addressed }),
		"body":           postgres.Column(rows, func(r *closed) string { return r.body }),
	}
}
