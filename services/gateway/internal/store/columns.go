package store

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // the statement
	"encoding/binary"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// column is a column of sales.sale, in the two forms in which rows are sent: a few as arrays, which save a round trip, and many as a COPY, which
// costs less a row.
type column struct {
	name  string
	array func([]*Sale) any
	put   func([]byte, *Sale) []byte // appends the field as COPY wants it
}

func columnOf[V any](name string, value func(*Sale) V, put func([]byte, V) []byte) column {
	return column{
		name: name,
		array: func(sales []*Sale) any {
			values := make([]V, len(sales))
			for i, s := range sales {
				values[i] = value(s)
			}
			return values
		},
		put: func(to []byte, s *Sale) []byte { return put(to, value(s)) },
	}
}

var columns = []column{
	columnOf("sale_id", func(s *Sale) [16]byte { return s.ID }, putUUID),
	columnOf("kind", func(s *Sale) string { return string(s.Facts.Kind) }, putText),
	columnOf("refund_of", func(s *Sale) *[16]byte { return idOrNull(&s.RefundOf) }, maybe(putUUID)),
	columnOf("store_id", func(s *Sale) string { return s.Facts.StoreID }, putText),
	columnOf("terminal_id", func(s *Sale) string { return s.Under.TerminalID }, putText),
	columnOf("chain", func(s *Sale) string { return s.Facts.TerminalID }, putText),
	columnOf("record_number", func(s *Sale) int64 { return int64(s.Facts.RecordNumber) }, putInt),
	columnOf("previous_hash", func(s *Sale) []byte { return s.Facts.PreviousHash[:] }, putBytes),
	columnOf("idempotency_key", func(s *Sale) [16]byte { return s.Under.Key }, putUUID),
	columnOf("terminal_seq", func(s *Sale) *int64 { return s.TerminalSeq }, maybe(putInt)),
	columnOf("seq_reused", func(s *Sale) bool { return s.SeqHolder != uuid.Nil }, putBool),
	columnOf("external_ref", func(s *Sale) *string { return orNull(&s.ExternalRef) }, maybe(putText)),
	columnOf("customer_id", func(s *Sale) *string { return orNull(&s.Facts.CustomerID) }, maybe(putText)),
	columnOf("currency", func(s *Sale) string { return s.Facts.Currency }, putText),
	columnOf("total", func(s *Sale) string { return s.Facts.Total }, putText),
	columnOf("total_minor", func(s *Sale) int64 { return s.TotalMinor }, putInt),
	columnOf("points_earned", func(s *Sale) int64 { return s.Earned }, putInt),
	columnOf("points_redeemed", func(s *Sale) int64 { return s.Redeemed }, putInt),
	columnOf("points_delta", func(s *Sale) int64 { return s.Facts.PointsDelta }, putInt),
	columnOf("points_balance", func(s *Sale) int64 { return s.Facts.PointsBalance }, putInt),
	columnOf("purchase_number", func(s *Sale) int64 { return int64(s.Facts.PurchaseNumber) }, putInt),
	columnOf("rules_version", func(s *Sale) *string { return orNull(&s.RulesVersion) }, maybe(putText)),
	columnOf("occurred_at", func(s *Sale) *string { return orNull(&s.OccurredAt) }, maybe(putText)),
	columnOf("recorded_at_us", func(s *Sale) int64 { return int64(s.Facts.RecordedAt) }, putInt),
	columnOf("request", func(s *Sale) []byte { return s.Request }, putBytes),
	columnOf("fingerprint", func(s *Sale) []byte { return s.Fingerprint[:] }, putBytes),
	columnOf("salt", func(s *Sale) []byte { return s.Facts.Salt[:] }, putBytes),
	columnOf("sale_hash", func(s *Sale) []byte { return s.Hash[:] }, putBytes),
	columnOf("receipt_token", func(s *Sale) string { return s.ReceiptToken }, putText),
	columnOf("answer", func(s *Sale) []byte { return s.Answer }, putBytes),
}

func orNull(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

func idOrNull(id *uuid.UUID) *[16]byte {
	if *id == uuid.Nil {
		return nil
	}
	return (*[16]byte)(id)
}

// arraysOf has the rows for sales_insert.sql.
func arraysOf(sales []*Sale) map[string]any {
	arrays := make(map[string]any, len(columns))
	for _, c := range columns {
		arrays[c.name] = c.array(sales)
	}
	return arrays
}

var (
	//go:embed sql/sales_copy.sql
	salesCopySQL string
	salesCopy    = strings.Replace(salesCopySQL, "@columns", columnNames(), 1)
)

func columnNames() string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// The binary format of COPY (Postgres's manual, "COPY", File Formats).
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" // the signature, no flags, no extension
	copyTrailer = "\xff\xff"
	copyNull    = "\xff\xff\xff\xff"
	copyRow     = 3072 // bytes of a usual row and more
)

// copySales writes the rows in the order of sales_insert.sql, and then runs a statement without parameters, in one round trip.
func (t *Tx) copySales(ctx context.Context, sales []*Sale, then string) error {
	sorted := slices.SortedFunc(slices.Values(sales), func(a, b *Sale) int {
		return cmp.Or(cmp.Compare(a.Under.TerminalID, b.Under.TerminalID), bytes.Compare(a.Under.Key[:], b.Under.Key[:]))
	})
	rows := append(make([]byte, 0, copyRow*len(sales)), copyHeader...)
	for _, s := range sorted {
		rows = binary.BigEndian.AppendUint16(rows, uint16(len(columns)))
		for _, c := range columns {
			rows = c.put(rows, s)
		}
	}
	rows = append(rows, copyTrailer...)
	return t.hear(func() error {
		_, err := t.conn.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows), salesCopy+then)
		return err
	})
}

func putBytes(to, v []byte) []byte {
	if v == nil {
		return append(to, copyNull...)
	}
	return append(binary.BigEndian.AppendUint32(to, uint32(len(v))), v...)
}

func putBool(to []byte, v bool) []byte {
	if v {
		return append(to, 0, 0, 0, 1, 1)
	}
	return append(to, 0, 0, 0, 1, 0)
}

func putText(to []byte, v string) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(v))), v...)
}

func putUUID(to []byte, v [16]byte) []byte { return putBytes(to, v[:]) }

func putInt(to []byte, v int64) []byte {
	const size = 8
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(to, size), uint64(v))
}

func maybe[V any](put func([]byte, V) []byte) func([]byte, *V) []byte {
	return func(to []byte, v *V) []byte {
		if v == nil {
			return append(to, copyNull...)
		}
		return put(to, *v)
	}
}
