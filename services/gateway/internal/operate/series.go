package operate

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

// SeriesRequest begins a series at every terminal.
type SeriesRequest struct {
	Series int64  `json:"series"` // higher than the present one; 0 for the next
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// Series is the series that has begun.
type Series struct {
	Series    int64 `json:"series"`
	Terminals int   `json:"terminals"`
}

// Limits of what is kept of it, in characters.
const (
	maxBy     = 64
	maxReason = 500
)

// maxSeries is the highest series that may be named: after a slip there is room for those that follow.
const maxSeries = 999_999

func (d *Desk) seriesNext() stream.Endpoint {
	return stream.Answers(stream.Endpoint{
		Subject: "ops.gateway.series.next",
		Description: "After the database was restored to an earlier moment: every terminal goes on in a new series, its records numbered from 1 again and its " +
			"terminal_id followed by ~ and the series, so that no number is signed twice. Call it before tills may sell again; better, " +
			"run the command gateway series-next before a gateway is started. After a second restore, whose moment was before the first " +
			`series.next, name a series that was never used: "series":3. With tens of thousands of terminals it takes seconds, 30 at most, ` +
			"in which tills are refused: give the request that long.",
		Request:  `{"by":"asha","reason":"restored the backup of 22 November"}`,
		Response: `{"series":2,"terminals":17}`,
		Within:   store.SeriesTimeout + time.Second,
	}, d.NextSeries)
}

// NextSeries begins a series at every terminal.
func (d *Desk) NextSeries(ctx context.Context, req SeriesRequest) (Series, error) {
	for _, of := range []struct {
		name, text string
		most       int
	}{{"by", req.By, maxBy}, {"reason", req.Reason, maxReason}} {
		switch {
		case strings.TrimSpace(of.text) == "":
			return Series{}, fault.New(fault.Invalid, "%s is missing", of.name)
		case utf8.RuneCountInString(of.text) > of.most:
			return Series{}, fault.New(fault.Invalid, "%s is longer than %d characters", of.name, of.most)
		case strings.ContainsFunc(of.text, unicode.IsControl):
			return Series{}, fault.New(fault.Invalid, "%s has a control character", of.name)
		}
	}
	if req.Series < 0 || req.Series == 1 || req.Series > maxSeries {
		return Series{}, fault.New(fault.Invalid, "series must be between 2 and %d, or left out for the next one", maxSeries)
	}
	series, terminals, err := d.store.NextSeries(ctx, req.Series, req.By, req.Reason)
	return Series{series, terminals}, err
}
