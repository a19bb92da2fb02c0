package api

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/commit"
	"github.com/tillseal/tillseal/services/gateway/internal/record"
	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/terminal"
)

var (
	errBatchTooLarge = refusal.New(refusal.BodyTooLarge, fmt.Sprintf("the batch is larger than %d MiB: send it in parts", record.MaxBatchBytes>>20))
	errManyBatches   = refusal.Later(refusal.Overloaded, retryAfter, "too many batches are being processed: send it again")
)

// batch records what a till kept while it was offline, and answers each record as if it had come alone: an error in one does not affect the
// others. Records beyond the terminal's rate are refused, from the first such record to the last.
func (s *Server) batch(c *fiber.Ctx) error {
	if err := mediaType(c); err != nil {
		return err
	}
	received, done, err := s.body(c, record.MaxBatchBytes, s.within.Batch, errBatchTooLarge)
	if err != nil {
		return err
	}
	defer done()
	select {
	case s.batches <- struct{}{}:
		defer func() { <-s.batches }()
	default:
		return errManyBatches
	}
	entries, err := record.SplitBatch(received)
	if err != nil {
		return err
	}
	s.answerBatch(c, entries, s.recordAll(c, entries))
	return nil
}

// recordAll returns an outcome for each entry.
func (s *Server) recordAll(c *fiber.Ctx, entries []record.Entry) []commit.Outcome {
	t := terminalOf(c)
	out := make([]commit.Outcome, len(entries))
	allowed := len(entries)
	if allowed > 1 {
		allowed = 1 + s.Terminals.AllowSome(t.ID, allowed-1) // the first was counted as the request
	}
	items, indexes := make([]commit.Item, 0, allowed), make([]int, 0, allowed)
	for i := range entries {
		if i >= allowed {
			out[i].Refused = terminal.ErrTooFast
			continue
		}
		key, rec, err := entries[i].Decode()
		if err != nil {
			out[i].Refused = refusal.Of(err)
			continue
		}
		items, indexes = append(items, commit.Item{TerminalID: t.ID, StoreID: t.StoreID, Key: key, Record: rec}), append(indexes, i)
	}
	for n, outcome := range s.Committer.Batch(items, traceOf(c)) {
		out[indexes[n]] = outcome
	}
	return out
}

// answerBatch writes the outcome of each entry. Retry-After means that some must be sent again.
func (s *Server) answerBatch(c *fiber.Ctx, entries []record.Entry, out []commit.Outcome) {
	var (
		body  bytes.Buffer
		again time.Duration
	)
	body.WriteByte('[')
	for i := range entries {
		status, answer := http.StatusCreated, []byte(nil)
		if why := out[i].Refused; why != nil {
			status, answer, again = kinds[why.Code].status, s.problem(c, why), max(again, why.RetryAfter)
		} else {
			answer = out[i].Kept.Answer
		}
		if i > 0 {
			body.WriteByte(',')
		}
		body.WriteString(`{"idempotency_key":`)
		body.Write(entries[i].Echo)
		body.WriteString(`,"status":` + strconv.Itoa(status) + `,"body":`)
		body.Write(answer)
		body.WriteByte('}')
		s.CountItem(status)
	}
	body.WriteByte(']')
	if again > 0 {
		c.Set(fiber.HeaderRetryAfter, seconds(again))
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(body.Bytes())
}
