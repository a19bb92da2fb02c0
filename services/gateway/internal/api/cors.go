package api

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// cors lets browsers on the allowed origins call, and answers their preflights.
func (s *Server) cors(c *fiber.Ctx) error {
	allowed := s.allowOrigin(c)
	if len(s.Origins) == 0 || c.Method() != fiber.MethodOptions || c.Get(fiber.HeaderAccessControlRequestMethod) == "" {
		return c.Next()
	}
	if allowed {
		c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
		c.Set(fiber.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Idempotency-Key, X-Request-Id, traceparent")
		c.Set(fiber.HeaderAccessControlMaxAge, preflightLife)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// allowOrigin lets a page of an allowed origin read the answer.
func (s *Server) allowOrigin(c *fiber.Ctx) bool {
	if len(s.Origins) == 0 {
		return false
	}
	c.Vary(fiber.HeaderOrigin)
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" || !s.allowed(origin) {
		return false
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
	c.Set(fiber.HeaderAccessControlExposeHeaders, "Idempotency-Replayed, Retry-After, X-Request-Id")
	return true
}

func (s *Server) allowed(origin string) bool {
	for _, o := range s.Origins {
		if o == "*" || strings.EqualFold(o, origin) {
			return true
		}
	}
	return false
}
