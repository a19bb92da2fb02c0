package postgres

// Column collects one field of all rows, as a statement's unnest takes it.
func Column[T, V any](rows []T, field func(*T) V) []V {
	values := make([]V, len(rows))
	for i := range rows {
		values[i] = field(&rows[i])
	}
	return values
}
