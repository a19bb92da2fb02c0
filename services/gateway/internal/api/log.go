package api

import (
	"context"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/gofiber/fiber/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/shared/event"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/stream"
)

// How long a cache may keep an answer about the log. One that is fixed stays true for as long as its contract is the shop's present one, or
// is named in the request; after a day a cache may ask again.
const (
	logPresent = "public, max-age=5"
	logFixed   = "public, max-age=86400, immutable"
)

var (
	errManyLogs = refusal.Later(refusal.RateLimited, time.Second, "the log is being asked for too often: try again")
	errNoLog    = refusal.New(refusal.NotFound, "the shop has no such contract, or its log has no such batch or never had this size")
	errNotMined = &refusal.Error{Code: refusal.NotAnchoredYet, Detail: "the batch is not mined yet: ask again later", RetryAfter: retryAfter}
	errNoNumber = refusal.New(refusal.BadRequest, "the batch's id in the path is not a number")
)

// logHead is a contract's log of some size.
type logHead struct {
	Size  string         `json:"size"`
	Root  common.Hash    `json:"root"`
	Chain event.LogChain `json:"chain"`
}

// logEntry is a batch's place in it.
type logEntry struct {
	Batch *event.LogBatch `json:"batch"`
	Log   event.ProofLog  `json:"log"`
	Chain event.LogChain  `json:"chain"`
}

// logHead answers anybody: the log has no customer's data.
func (s *Server) logHead(c *fiber.Ctx) error {
	answer, err := s.askLog(c, "")
	if err != nil {
		return err
	}
	return c.JSON(logHead{Size: answer.Log.Size, Root: answer.Log.Root, Chain: answer.Chain})
}

func (s *Server) logEntry(c *fiber.Ctx) error {
	id := param(c, "batch_id")
	if id == "" {
		return errNoNumber
	}
	answer, err := s.askLog(c, id)
	if err != nil {
		return err
	}
	log := event.ProofLog{Size: answer.Log.Size, Root: answer.Log.Root, Path: answer.Log.Path}
	if log.Path == nil { // an array too where it is empty
		log.Path = []common.Hash{}
	}
	return c.JSON(logEntry{Batch: answer.Batch, Log: log, Chain: answer.Chain})
}

// askLog asks the ledger, and says how long caches may keep its answer.
func (s *Server) askLog(c *fiber.Ctx, batchID string) (event.LogAnswer, error) {
	if !s.logs.Allow() {
		return event.LogAnswer{}, errManyLogs
	}
	q := event.LogQuery{Contract: c.Query("contract"), BatchID: batchID, Size: c.Query("size")}
	if _, err := q.Parse(); err != nil {
		return event.LogAnswer{}, refusal.New(refusal.BadRequest, "the parameter "+err.Error())
	}
	if !s.Bus.Conn.IsConnected() {
		return event.LogAnswer{}, errLedgerAway
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), proofWithin)
	defer cancel()
	answer, err := stream.Ask[event.LogAnswer](ctx, s.Bus, event.SubjectLogGet, q)
	switch {
	case fault.Is(err, fault.Invalid):
		return event.LogAnswer{}, errNoLog
	case fault.Is(err, fault.Conflict):
		return event.LogAnswer{}, errNotMined
	case err != nil:
		s.warn(c, "the log, from the ledger", err)
		return event.LogAnswer{}, errLedgerAway
	}
	c.Set(fiber.HeaderCacheControl, logPresent)
	if answer.Fixed {
		c.Set(fiber.HeaderCacheControl, logFixed)
	}
	return answer, nil
}
