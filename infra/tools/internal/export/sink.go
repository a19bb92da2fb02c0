package export

import (
	"encoding/csv"
	"encoding/json"
	"io"
)

// sink is what records are written to, one after the other.
type sink interface {
	write(r *Record) error
	end() error
}

// jsonLines has a record a line (jsonlines.org).
type jsonLines struct{ *json.Encoder }

func newJSONLines(to io.Writer) sink {
	enc := json.NewEncoder(to)
	enc.SetEscapeHTML(false) // no page quotes it
	return jsonLines{enc}
}

func (j jsonLines) write(r *Record) error { return j.Encode(r) }

func (jsonLines) end() error { return nil }

// spreadsheet is CSV (RFC 4180).
type spreadsheet struct {
	*csv.Writer

	table table
}

func newSpreadsheet(to io.Writer, of table) (sink, error) {
	w := csv.NewWriter(to)
	w.UseCRLF = true
	return spreadsheet{w, of}, w.Write(of.columns)
}

func (s spreadsheet) write(r *Record) error {
	return s.table.rows(r, func(cells ...string) error { return s.Write(cells) })
}

func (s spreadsheet) end() error {
	s.Flush()
	return s.Error()
}
