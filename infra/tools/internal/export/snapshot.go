package export

import (
	"cmp"
	"context"
	_ "embed" // the statements
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tillseal/tillseal/shared/config"
	"github.com/tillseal/tillseal/shared/postgres"
)

// Limits of the session. A statement lasts as long as whoever reads the export takes for a page of it.
const (
	connectWithin   = 10 * time.Second
	lockWithin      = 10 * time.Second
	statementWithin = 10 * time.Minute
	idleAtMost      = 10 * time.Minute // as the role of the auditor has it

	pageRecords = 1000 // that one statement reads; they are written as they come, so that none waits in memory
)

// Statements, all of views for auditors.
var (
	//go:embed sql/closing.sql
	closingSQL string
	//go:embed sql/chains.sql
	chainsSQL string
	//go:embed sql/extent.sql
	extentSQL string
	//go:embed sql/page.sql
	pageSQL string
)

// snapshot is the database as it was at one moment: what is committed during an export does not come into it.
type snapshot struct {
	pool *pgxpool.Pool
	tx   pgx.Tx
}

func open(ctx context.Context, url config.Secret) (*snapshot, error) {
	pool, err := postgres.Open(ctx, url, postgres.Limits{
		Service: "export", MaxConns: 1, Connect: connectWithin, Lock: lockWithin, Statement: statementWithin, IdleInTransaction: idleAtMost, Lookups: true,
	})
	if err != nil {
		return nil, err
	}
	tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		pool.Close()
		return nil, postgres.Fault("connect to the database of DB_URL as the auditor", err)
	}
	return &snapshot{pool, tx}, nil
}

// close ends the session, also when ctx has ended.
func (s *snapshot) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectWithin)
	defer cancel()
	_ = s.tx.Rollback(ctx) // it only read
	s.pool.Close()
}

// failed says what could not be read. A role without the right is the likeliest mistake.
func failed(view string, err error) error {
	return postgres.Fault("read "+view+" as the role of DB_URL, which must be the auditor's", err)
}

// span is what is exported of one chain: its records between two numbers that were recorded between two times.
type span struct {
	chain       string
	first, last int64 // record_number
	from, to    int64 // recorded_at in Unix microseconds, to itself excluded
	records     int64 // how many they should be
	whole       bool  // no number may be missing
}

// stored is a closing as it is kept.
type stored struct {
	first, last int64
	body        []byte
}

var errNoClosing = errors.New("there is no such closing")

func (s *snapshot) closing(ctx context.Context, terminal string, number int64) (c stored, err error) {
	err = s.tx.QueryRow(ctx, closingSQL, terminal, number).Scan(&c.first, &c.last, &c.body)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, errNoClosing
	}
	return c, failed("audit.closing", err)
}

// spans are a store's records, or those of one of its terminals, in a period; the chains in the order of their terminals and series.
func (s *snapshot) spans(ctx context.Context, store, terminal string, from, to int64) ([]span, error) {
	rows, err := s.tx.Query(ctx, chainsSQL, store, terminal)
	if err != nil {
		return nil, failed("audit.terminal", err)
	}
	chains, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, failed("audit.terminal", err)
	}
	slices.SortFunc(chains, compareChains)
	spans := make([]span, 0, len(chains))
	for _, chain := range chains {
		of := span{chain: chain, from: from, to: to}
		if err := s.tx.QueryRow(ctx, extentSQL, chain, from, to).Scan(&of.records, &of.first, &of.last); err != nil {
			return nil, failed("audit.sale", err)
		}
		spans = append(spans, of)
	}
	return spans, nil
}

// compareChains puts t1~2 before t1~10, and both after t1.
func compareChains(a, b string) int {
	terminalA, seriesA, _ := strings.Cut(a, "~")
	terminalB, seriesB, _ := strings.Cut(b, "~")
	numberA, _ := strconv.ParseInt(seriesA, 10, 64) // none is the first series
	numberB, _ := strconv.ParseInt(seriesB, 10, 64)
	return cmp.Or(strings.Compare(terminalA, terminalB), cmp.Compare(numberA, numberB))
}

// every is the span of a chain's records between two numbers, whenever they were recorded.
func every(chain string, first, last int64) span {
	return span{chain: chain, first: first, last: last, from: math.MinInt64, to: math.MaxInt64, records: last - first + 1, whole: true}
}

// each calls do with each record of a span, in the order of their numbers. do may not keep what it is given.
func (s *snapshot) each(ctx context.Context, of span, do func(*row) error) error {
	for after := of.first - 1; after < of.last; {
		read := 0
		rows, err := s.tx.Query(ctx, pageSQL, of.chain, after, of.last, pageRecords)
		if err != nil {
			return failed("audit.sale", err)
		}
		for rows.Next() {
			var r row
			if err := r.scan(rows); err != nil {
				rows.Close()
				return failed("audit.sale", err)
			}
			read, after = read+1, int64(r.facts.RecordNumber)
			if at := int64(r.facts.RecordedAt); at < of.from || at >= of.to {
				continue
			}
			if err := do(&r); err != nil {
				rows.Close()
				return err
			}
		}
		if err := rows.Err(); err != nil {
			return failed("audit.sale", err)
		}
		if read < pageRecords {
			return nil
		}
	}
	return nil
}

func (r *row) scan(rows pgx.Rows) error {
	f, kind, previous := &r.facts, "", ""
	var purchase, number, recorded int64
	err := rows.Scan(&f.SaleID, &kind, &f.RefundOf, &f.StoreID, &f.TerminalID, &f.CustomerID, &f.Currency, &f.Total, &f.PointsDelta, &f.PointsBalance,
		&purchase, &number, &previous, &recorded, &r.request, &r.answer, &r.salt, &r.saleHash)
	if err != nil {
		return fmt.Errorf("a row: %w", err)
	}
	r.take(kind, previous, purchase, number, recorded)
	return nil
}
