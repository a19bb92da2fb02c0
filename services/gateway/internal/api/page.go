package api

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html/template"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/tillseal/tillseal/services/gateway/internal/refusal"
)

// The page's script and style are made of services/gateway/web by `make web`.
//
//go:embed page/receipt.js page/receipt.css page/icon.svg
var built embed.FS

//go:embed page/receipt.html
var receiptHTML string

var receiptPage = template.Must(template.New("receipt").Parse(receiptHTML))

// asset is a part of the page, under a name that changes with it.
type asset struct {
	name, contentType string
	plain, zipped     []byte
}

var (
	script = newAsset("receipt.js", "text/javascript; charset=utf-8")
	style  = newAsset("receipt.css", "text/css; charset=utf-8")
	icon   = newAsset("icon.svg", "image/svg+xml")

	parts = []*asset{&script, &style, &icon}
)

func newAsset(file, contentType string) asset {
	text, err := built.ReadFile("page/" + file)
	if err != nil {
		panic("api: " + err.Error()) // it is embedded
	}
	hash := sha256.Sum256(text)
	base, ext, _ := strings.Cut(file, ".")
	a := asset{name: base + "-" + hex.EncodeToString(hash[:8]) + "." + ext, contentType: contentType, plain: text}
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // a level that there is
	_, _ = w.Write(text)                                       // memory takes all
	_ = w.Close()
	a.zipped = zipped.Bytes()
	return a
}

const assetCached = "public, max-age=31536000, immutable" // its name is made of it

var errNoAsset = refusal.New(refusal.NotFound, "there is no such part of the page: load the receipt again")

// asset is a part of the page: the same for everybody.
func (s *Server) asset(c *fiber.Ctx) error {
	if !s.parts.Allow() {
		return errManyReceipts
	}
	for _, a := range parts {
		if c.Params("name") != a.name {
			continue
		}
		c.Set(fiber.HeaderCacheControl, assetCached)
		c.Set(fiber.HeaderContentType, a.contentType)
		c.Vary(fiber.HeaderAcceptEncoding)
		if c.Request().Header.HasAcceptEncoding("gzip") {
			c.Set(fiber.HeaderContentEncoding, "gzip")
			return c.Send(a.zipped)
		}
		return c.Send(a.plain)
	}
	return errNoAsset
}

// page is what receipt.html is made of.
type page struct {
	Script, Style, Icon string
	Receipt             json.RawMessage // null where there is none to show
	Refused             json.RawMessage // why
}

// showReceipt writes the page. node is the origin of a node that the shopper named, "" for none: its script may ask that, the shop's and this
// gateway, and nobody else.
func (s *Server) showReceipt(c *fiber.Ctx, shown shownReceipt, node string) error {
	text, err := json.Marshal(shown)
	if err != nil {
		return err
	}
	return s.showPage(c, page{Receipt: text, Refused: json.RawMessage("null")}, node)
}

// explain answers a request for a page that can't be shown: with a page that says why where the caller is a browser, otherwise with the problem.
func (s *Server) explain(c *fiber.Ctx, err error) error {
	why := refusal.Of(err)
	if why == nil || !strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) {
		return err
	}
	s.refuse(c, err) // its status and headers
	text, err := json.Marshal(struct {
		Code refusal.Code `json:"code"`
	}{why.Code})
	if err != nil {
		return err
	}
	return s.showPage(c, page{Receipt: json.RawMessage("null"), Refused: text}, "")
}

func (s *Server) showPage(c *fiber.Ctx, p page, node string) error {
	p.Script, p.Style, p.Icon = script.name, style.name, icon.name
	var html bytes.Buffer
	if err := receiptPage.Execute(&html, p); err != nil {
		return err
	}
	withoutReferrer(c)
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	c.Set(fiber.HeaderContentSecurityPolicy, policy(s.Receipts.RPC, node))
	c.Set("X-Robots-Tag", "noindex")
	c.Response().SetBodyRaw(html.Bytes())
	return nil
}

// withoutReferrer keeps the token in a page's address from the hosts that it links to.
func withoutReferrer(c *fiber.Ctx) { c.Set(fiber.HeaderReferrerPolicy, "no-referrer") }

// policy lets the page load its parts from this gateway and ask this gateway, the shop's node and the shopper's.
func policy(rpc, node string) string {
	connect := []string{"'self'"}
	for _, origin := range []string{originOf(rpc), node} {
		if origin != "" {
			connect = append(connect, origin)
		}
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src " + strings.Join(connect, " ") +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// originOf is the origin of a URL that CheckPublicURL has passed.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if raw == "" || err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// CheckPublicURL returns what is wrong with a URL that receipts' pages have, as the rest of a sentence; nothing is wrong with "". The explorer's
// is continued: it has no query.
func CheckPublicURL(raw string, continued bool) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err == nil && u.User == nil && u.Fragment == "" && (!continued || !strings.Contains(raw, "?")) {
		if _, ok := nodeOrigin(u.Scheme + "://" + u.Host); ok {
			return nil
		}
	}
	return errors.New("must be an http or https URL, its host a name or an IPv4 address, without a user and a fragment (EXPLORER_URL: without a query)")
}

// host is one that a policy may name: it has no form for an IPv6 address (CSP 3, section 2.3.1).
var host = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// nodeOrigin reads the origin of a node that a shopper wants to ask. It goes into a header: nothing but a scheme, a host and a port passes.
func nodeOrigin(raw string) (origin string, ok bool) {
	if raw == "" {
		return "", true
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Scheme+"://"+u.Host != raw || !host.MatchString(u.Hostname()) {
		return "", false
	}
	const bits = 16
	_, err = strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, bits)
	return raw, err == nil && !strings.HasSuffix(u.Host, ":")
}
