package store

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// statement is SQL with @names, which are made into its parameters once: pgx.NamedArgs reads the whole text each time.
type statement struct {
	sql   string
	names []string // of $1, $2 and so on
}

var nameInSQL = regexp.MustCompile(`@\w+`)

func named(sql string) (s statement) {
	s.sql = nameInSQL.ReplaceAllStringFunc(sql, func(at string) string {
		i := slices.Index(s.names, at[1:])
		if i < 0 {
			i = len(s.names)
			s.names = append(s.names, at[1:])
		}
		return "$" + strconv.Itoa(i+1)
	})
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
