package api

import (
	_ "embed" // the document
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// openAPI documents every call (OpenAPI 3.1). A test checks each call and each code against it, so that it can't drift.
//
//go:embed openapi.json
var openAPI []byte

// Answered is a route and a status that its answer may have.
type Answered struct {
	Route  string // as requests are counted by
	Status int
}

// Answers lists what the document has; requests to other paths are counted too, as "other".
func Answers() []Answered {
	var document struct {
		Paths map[string]map[string]struct {
			Responses map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(openAPI, &document); err != nil {
		panic("api: openapi.json: " + err.Error()) // a test reads all of it
	}
	var all []Answered
	for path, operations := range document.Paths {
		route := strings.NewReplacer("{", ":", "}", "").Replace(path)
		for _, operation := range operations {
			for text := range operation.Responses {
				if status, err := strconv.Atoi(text); err == nil {
					all = append(all, Answered{route, status})
				}
			}
		}
	}
	return all
}

func (s *Server) openAPI(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(openAPI)
}
