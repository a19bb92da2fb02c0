package api

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"regexp"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
	"github.com/tillseal/tillseal/services/gateway/internal/store"
	"github.com/tillseal/tillseal/shared/fault"
	"github.com/tillseal/tillseal/shared/intact"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// maxClosingBody is for what asks for a closing, which says nothing: {} or nothing at all.
const maxClosingBody = 1 << 10

var (
	errClosingTooLarge = refusal.New(refusal.BodyTooLarge, "the body of a closing is empty or {}")
	errNoClosing       = refusal.New(refusal.NotFound, "the store has no such closing")
)

// closeTill makes a closing of the terminal.
func (s *Server) closeTill(c *fiber.Ctx) error {
	if err := s.nothing(c); err != nil {
		return err
	}
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	body, replayed, err := s.Closer.Make(c.UserContext(), terminalOf(c), key, traceOf(c))
	if fault.Is(err, fault.Fatal) {
		s.Wire.Alarm.Raise(intact.Chain, "terminal_id", terminalOf(c).ID, "error", err)
		return errAlteredChain
	}
	if err != nil {
		return err
	}
	created(c, body, replayed)
	return nil
}

// nothing reads a body that has nothing to say.
func (s *Server) nothing(c *fiber.Ctx) error {
	if c.Request().Header.ContentLength() <= 0 {
		return nil
	}
	if err := mediaType(c); err != nil {
		return err
	}
	received, done, err := s.body(c, maxClosingBody, s.within.Read, errClosingTooLarge)
	if err != nil {
		return err
	}
	defer done()
	v, err := strictjson.Parse(received)
	switch {
	case err != nil:
		return refusal.New(refusal.MalformedJSON, err.Error())
	case v.Kind != strictjson.Object:
		return refusal.New(refusal.InvalidRecord, "the body of a closing is empty or {}",
			refusal.Field{Pointer: "", Detail: "must be an object, not " + v.Kind.String()})
	case len(v.Unknown()) > 0:
		return refusal.New(refusal.MalformedJSON, "the body of a closing is empty or {}: it has no members")
	}
	return nil
}

type closingsPage struct {
	Closings   []json.RawMessage `json:"closings"`
	NextCursor *string           `json:"next_cursor"` // null on the last page
}

// closings answers with a page of the store's closings, newest first. A cursor holds the place of the closing that its page comes before.
func (s *Server) closings(c *fiber.Ctx) error {
	chain, err := chainOf(c)
	if err != nil {
		return err
	}
	limit, err := limitOf(c)
	if err != nil {
		return err
	}
	before := store.ClosingPlace{ClosedAtUS: math.MaxInt64}
	if c.Context().QueryArgs().Has("cursor") {
		var ok bool
		if before, ok = parseClosingCursor(c.Query("cursor")); !ok {
			return errCursor
		}
	}
	found, err := s.Store.Closings(c.UserContext(), terminalOf(c).StoreID, chain, before, limit+1) // one more, to know whether a page follows
	if err != nil {
		s.warn(c, "the closings", err)
		return errStoreAway
	}
	page := closingsPage{Closings: make([]json.RawMessage, 0, limit)}
	if len(found) > limit {
		found = found[:limit]
		next := closingCursor(found[limit-1].ClosingPlace)
		page.NextCursor = &next
	}
	for i := range found {
		page.Closings = append(page.Closings, found[i].Body)
	}
	return c.JSON(page)
}

var closingNumber = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

// closing answers with a chain's n-th closing, byte for byte; without a terminal_id it is of the terminal's present chain.
func (s *Server) closing(c *fiber.Ctx) error {
	chain, err := chainOf(c)
	if err != nil {
		return err
	}
	text := c.Params("n")
	if !closingNumber.MatchString(text) {
		return errNoClosing
	}
	n, _ := strconv.ParseInt(text, 10, 64) // of at most 18 digits
	t := terminalOf(c)
	if chain == "" {
		chains, err := s.Store.Chains(c.UserContext(), t.ID)
		switch {
		case err != nil:
			s.warn(c, "the terminal's chains", err)
			return errStoreAway
		case len(chains) == 0:
			return errNoClosing
		}
		chain = chains[len(chains)-1].Name()
	}
	body, err := s.Store.Closing(c.UserContext(), chain, n, t.StoreID)
	switch {
	case err != nil:
		s.warn(c, "the closing", err)
		return errStoreAway
	case body == nil:
		return errNoClosing
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}

// chainForm is a terminal's id as closings have it: from the second series on with the series behind it.
var chainForm = regexp.MustCompile(`^[a-z0-9-]{1,32}(~[1-9][0-9]{0,17})?$`)

// chainOf reads the parameter terminal_id, "" without one.
func chainOf(c *fiber.Ctx) (string, error) {
	sent := c.Query("terminal_id")
	if c.Context().QueryArgs().Has("terminal_id") && !chainForm.MatchString(sent) {
		return "", refusal.New(refusal.BadRequest, "the parameter terminal_id is not a terminal's id, such as t1 or t1~2")
	}
	return string([]byte(sent)), nil
}

// closingCursorForm is the first byte of a cursor of this call.
const closingCursorForm = 2

func closingCursor(of store.ClosingPlace) string {
	raw := binary.BigEndian.AppendUint64([]byte{closingCursorForm}, uint64(of.ClosedAtUS))
	return base64.RawURLEncoding.EncodeToString(append(raw, of.Chain...))
}

func parseClosingCursor(text string) (before store.ClosingPlace, ok bool) {
	const fixed = 9
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= fixed || raw[0] != closingCursorForm || !chainForm.Match(raw[fixed:]) {
		return before, false
	}
	before = store.ClosingPlace{ClosedAtUS: int64(binary.BigEndian.Uint64(raw[1:fixed])), Chain: string(raw[fixed:])}
	return before, before.ClosedAtUS > 0
}
