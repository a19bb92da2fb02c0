package audit

// PartOf has an audit that rests go through so many records at once.
func PartOf(records int) (undo func()) {
	before := partRecords
	partRecords = records
	return func() { partRecords = before }
}
