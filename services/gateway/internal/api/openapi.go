package api

import (
	_ "embed" // the document

	"github.com/gofiber/fiber/v2"
)

// openAPI is the document of every call (OpenAPI 3.1). A test drives each call and each code against it, so that it can't drift.
//
//go:embed openapi.json
var openAPI []byte

func (s *Server) openAPI(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(openAPI)
}
