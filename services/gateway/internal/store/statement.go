package store

import (
	"context"
	"regexp"

	"github.com/jackc/pgx/v5"
)

// statement is SQL with @names, which are made into its parameters once: pgx.NamedArgs reads the whole text each time.
type statement struct {
	sql   string
	names []string // of $1, $2 and so on
}

var nameInSQL = regexp.MustCompile(`@(\w+)`)

func named(sql string) statement {
	names := make(pgx.NamedArgs)
	for _, found := range nameInSQL.FindAllStringSubmatch(sql, -1) {
		names[found[1]] = found[1]
	}
	numbered, args, err := names.RewriteQuery(context.Background(), nil, sql, nil)
	if err != nil {
		panic(err) // it does not depend on any input
	}
	s := statement{sql: numbered}
	for _, name := range args {
		s.names = append(s.names, name.(string)) //nolint:forcetypeassert // put in above
	}
	return s
}

// queue adds the statement to a round trip, with a value for each name.
func (s statement) queue(batch *pgx.Batch, values map[string]any) {
	args := make([]any, len(s.names))
	for i, name := range s.names {
		args[i] = values[name]
	}
	batch.Queue(s.sql, args...)
}
