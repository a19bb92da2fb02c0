package postgres

// Column collects one field of all rows, for a statement's unnest.
func Column[T, V any](rows []T, field func(*T) V) []V {
	values := make([]V, len(rows))
	for i := range rows {
		values[i] = field(&rows[i])
	}
	return values
}
