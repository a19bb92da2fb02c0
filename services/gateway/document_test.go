package gateway_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// openAPISchema is the OpenAPI Initiative's own schema of OpenAPI 3.1 documents, under Apache-2.0.
//
//go:embed testdata/openapi-3.1.json
var openAPISchema []byte

// openAPIAt and documentAt name the two for references; nothing is asked for there.
const (
	openAPIAt  = "https://spec.openapis.org/oas/3.1/schema/2022-10-07"
	documentAt = "https://gateway.invalid/openapi.json"
)

// usual are the headers that any message may have.
var usual = []string{
	"Authorization", "Cache-Control", "Connection", "Content-Length", "Content-Security-Policy", "Content-Type", "Date", "Referrer-Policy", "Vary",
	"X-Content-Type-Options", "X-Robots-Tag",
}

// document holds messages against an OpenAPI 3.1 document, strictly: a member, header or parameter that it does not have is a fault,
// though a client passes over it.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Parameters map[string]parameter `json:"parameters"`
		Headers    map[string]parameter `json:"headers"`
		Responses  map[string]response  `json:"responses"`
		Schemas    struct {
			BatchProblem enumOf `json:"BatchProblem"`
		} `json:"schemas"`
	} `json:"components"`
	schemas *jsonschema.Compiler
}

type operation struct {
	Security    *[]struct{}         `json:"security"` // empty: needs no key
	Parameters  []parameter         `json:"parameters"`
	RequestBody *response           `json:"requestBody"`
	Responses   map[string]response `json:"responses"`
}

// parameter is of a request, or a header of an answer.
type parameter struct {
	Ref      string `json:"$ref"`
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
}

type response struct {
	Ref     string               `json:"$ref"`
	Headers map[string]parameter `json:"headers"`
	Content map[string]struct {
		Schema enumOf `json:"schema"`
	} `json:"content"`
}

type enumOf struct {
	AllOf []struct {
		Properties struct {
			Code struct {
				Enum []string `json:"enum"`
			} `json:"code"`
		} `json:"properties"`
	} `json:"allOf"`
}

func (e enumOf) codes() (all []string) {
	for _, part := range e.AllOf {
		all = append(all, part.Properties.Code.Enum...)
	}
	return all
}

// readDocument reads what must be a document by OpenAPI's own schema.
func readDocument(t *testing.T, text []byte) *document {
	t.Helper()
	d := &document{schemas: jsonschema.NewCompiler()} // JSON Schema 2020-12, as OpenAPI 3.1 has it
	d.schemas.AssertFormat()
	require.NoError(t, json.Unmarshal(text, d))
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	meta, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPISchema))
	require.NoError(t, err)
	require.NoError(t, d.schemas.AddResource(openAPIAt, meta))
	whole, err := d.schemas.Compile(openAPIAt)
	require.NoError(t, err)
	require.NoError(t, whole.Validate(root))
	closeSchemas(root, false)
	require.NoError(t, d.schemas.AddResource(documentAt, root))
	return d
}

// closeSchemas forbids in each schema that stands for a whole value what nothing in it evaluates. A part of one (in allOf or oneOf, or
// referred to) stays open, as its other parts evaluate the rest. whole says that node is such a schema.
func closeSchemas(node any, whole bool) {
	switch node := node.(type) {
	case []any:
		for _, one := range node {
			closeSchemas(one, false)
		}
	case map[string]any:
		for name, one := range node {
			switch name {
			case "properties":
				for _, schema := range one.(map[string]any) {
					closeSchemas(schema, true)
				}
			case "example", "examples": // values
			default:
				closeSchemas(one, name == "schema" || name == "items")
			}
		}
		if whole && len(node) > 0 { // {} takes anything
			node["unevaluatedProperties"] = false
		}
	}
}

// pointer is a JSON pointer (RFC 6901) from the names on the way.
func pointer(names ...string) string {
	var all strings.Builder
	for _, name := range names {
		all.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return all.String()
}

// followed is what stands at a pointer, or where its reference leads.
func followed[T any](at, ref string, here T, named map[string]T) (string, T) {
	if ref == "" {
		return at, here
	}
	return strings.TrimPrefix(ref, "#"), named[ref[strings.LastIndexByte(ref, '/')+1:]]
}

func (d *document) response(path, method, status string) (at string, r response, declared bool) {
	r, declared = d.Paths[path][strings.ToLower(method)].Responses[status]
	at, r = followed(pointer("paths", path, strings.ToLower(method), "responses", status), r.Ref, r, d.Components.Responses)
	return at, r, declared
}

// holds compares a value with the schema at a pointer.
func (d *document) holds(at string, value any) error {
	schema, err := d.schemas.Compile(documentAt + "#" + url.PathEscape(at))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// text compares a header or parameter, which HTTP knows only as text, as a string and else as what it is in JSON.
func (d *document) text(at, text string) error {
	err := d.holds(at, text)
	if value, no := jsonschema.UnmarshalJSON(strings.NewReader(text)); err != nil && no == nil {
		return d.holds(at, value)
	}
	return err
}

// parameters compares what was sent of one kind, such as headers, with what is declared, whose schemas are at the pointers.
func (d *document) parameters(declared map[string]parameter, at map[string]string, sent map[string][]string) error {
	var faults []error
	for name, p := range declared {
		if p.Required && len(sent[name]) == 0 {
			faults = append(faults, fmt.Errorf("%s is missing", name))
		}
	}
	for name, values := range sent {
		if _, ok := declared[name]; !ok {
			faults = append(faults, fmt.Errorf("%s is not in the document", name))
			continue
		}
		for _, value := range values {
			if err := d.text(at[name]+"/schema", value); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", name, err))
			}
		}
	}
	return errors.Join(faults...)
}

// unusual are the headers that only the document can allow.
func unusual(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range usual {
		h.Del(name)
	}
	return h
}

func (d *document) body(at string, declared response, h http.Header, body []byte) error {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("Content-Type %q: %w", h.Get("Content-Type"), err)
	}
	if _, ok := declared.Content[media]; !ok {
		return fmt.Errorf("Content-Type %s is not in the document", media)
	}
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return d.holds(at+pointer("content", media, "schema"), value)
}

// answered compares the answer to a call, such as GET /sales/{id}, with the document.
func (d *document) answered(call string, r reply) error {
	method, path, _ := strings.Cut(call, " ")
	at, declared, ok := d.response(path, method, strconv.Itoa(r.Status))
	if !ok {
		return fmt.Errorf("%d is not in the document", r.Status)
	}
	headers, ats := make(map[string]parameter), make(map[string]string)
	for name, h := range declared.Headers {
		key := http.CanonicalHeaderKey(name)
		ats[key], headers[key] = followed(at+pointer("headers", name), h.Ref, h, d.Components.Headers)
	}
	return errors.Join(d.parameters(headers, ats, unusual(r.Header)), d.body(at, declared, r.Header, r.Body))
}

// asked compares a request that belongs to a call with the document.
func (d *document) asked(call string, r *http.Request) error {
	method, path, _ := strings.Cut(call, " ")
	at := pointer("paths", path, strings.ToLower(method))
	o, ok := d.Paths[path][strings.ToLower(method)]
	if !ok || method != r.Method {
		return fmt.Errorf("%s %s is not in the document", r.Method, path)
	}
	var faults []error
	if o.Security == nil && !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
		faults = append(faults, errors.New("Authorization is missing"))
	}
	inPath, err := placeholders(path, r.URL.Path)
	sent := map[string]map[string][]string{"path": inPath, "query": r.URL.Query(), "header": unusual(r.Header)}
	faults = append(faults, err)
	for in, sent := range sent {
		declared, ats := make(map[string]parameter), make(map[string]string)
		for i, p := range o.Parameters {
			at, p := followed(at+pointer("parameters", strconv.Itoa(i)), p.Ref, p, d.Components.Parameters)
			if p.In == in {
				declared[p.Name], ats[p.Name] = p, at
			}
		}
		faults = append(faults, d.parameters(declared, ats, sent))
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	switch {
	case o.RequestBody != nil:
		faults = append(faults, d.body(at+"/requestBody", *o.RequestBody, r.Header, body))
	case len(body) > 0:
		faults = append(faults, errors.New("a body is not in the document"))
	}
	return errors.Join(faults...)
}

// placeholders reads what stands in a path for the {names} of a template.
func placeholders(template, path string) (map[string][]string, error) {
	names, parts := strings.Split(template, "/"), strings.Split(path, "/")
	if len(names) != len(parts) {
		return nil, fmt.Errorf("%s is not %s", path, template)
	}
	read := make(map[string][]string)
	for i, name := range names {
		switch inner, ok := strings.CutPrefix(name, "{"); {
		case ok:
			read[strings.TrimSuffix(inner, "}")] = []string{parts[i]}
		case name != parts[i]:
			return nil, fmt.Errorf("%s is not %s", path, template)
		}
	}
	return read, nil
}

func TestWhatTheDocumentDoesNotHaveIsFound(t *testing.T) {
	text, err := os.ReadFile("internal/api/openapi.json")
	require.NoError(t, err)
	d := readDocument(t, text)
	const id, key = "01a204b4-353d-73e7-85c4-7892690c578a", "0b6a2d5e-6d8e-4c93-9d3e-1e4f7c9f1a2b"
	answer := func(call string, status int, body string, headers ...string) error {
		h := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"request-1"}}
		if status >= 400 {
			h.Set("Content-Type", "application/problem+json")
		}
		for i := 0; i < len(headers); i += 2 {
			h.Del(headers[i])
			if headers[i+1] != "" {
				h.Set(headers[i], headers[i+1])
			}
		}
		return d.answered(call, reply{status, h, []byte(body)})
	}
	const guest = `{"sale_id":"` + id + `","kind":"sale","store_id":"s1","terminal_id":"t1","recorded_at":"2026-11-22T04:45:31.123456Z","currency":"INR",` +
		`"total":"1","loyalty":null,"anchor":{"status":"pending","sale_hash":"0xa7f1bc5b9c893d076730f875cbf4f9dfe505cd14a6ba55e209febb68ce8af435",` +
		`"proof_url":"/sales/x/proof"},"receipt_url":"/receipts/x?t=y"}`
	const refusal = `{"type":"urn:x","title":"x","status":404,"code":"NOT_FOUND","detail":"x","instance":"urn:x"}`
	inBatch := func(status int, body string) string {
		return fmt.Sprintf(`[{"idempotency_key":"%s","status":%d,"body":%s}]`, key, status, body)
	}
	require.NoError(t, answer(callRecord, 201, guest))
	require.NoError(t, answer(callRecord, 201, guest, "Idempotency-Replayed", "true"))
	require.NoError(t, answer(callRecord, 404, refusal))
	require.NoError(t, answer(callBatch, 200, inBatch(201, guest)))
	require.NoError(t, answer(callBatch, 200, inBatch(404, refusal)))
	require.NoError(t, answer(callReceipt, 200, "<p>", "Content-Type", "text/html; charset=utf-8"))
	more := func(text string) string { return strings.TrimSuffix(text, "}") + `,"more":1}` }
	for name, err := range map[string]error{
		"status":                  answer(callRecord, 418, refusal),
		"media type":              answer(callRecord, 201, guest, "Content-Type", "text/plain"),
		"no media type":           answer(callRecord, 201, guest, "Content-Type", ""),
		"header":                  answer(callRecord, 201, guest, "Server", "x"),
		"header's value":          answer(callRecord, 201, guest, "Idempotency-Replayed", "yes"),
		"header missing":          answer(callRecord, 201, guest, "X-Request-Id", ""),
		"number as header":        answer(callProof, 409, strings.NewReplacer("404", "409", "NOT_FOUND", "NOT_ANCHORED_YET").Replace(refusal), "Retry-After", "0"),
		"no JSON":                 answer(callRecord, 201, guest+"x"),
		"member":                  answer(callRecord, 201, more(guest)),
		"member further in":       answer(callRecord, 201, strings.Replace(guest, `"status"`, `"more":1,"status"`, 1)),
		"member missing":          answer(callRecord, 201, strings.Replace(guest, `"loyalty":null,`, "", 1)),
		"pattern":                 answer(callRecord, 201, strings.Replace(guest, "INR", "inr", 1)),
		"format":                  answer(callRecord, 404, strings.Replace(refusal, "urn:x", "x", 1)),
		"code of another status":  answer(callRecord, 404, strings.Replace(refusal, "NOT_FOUND", "RATE_LIMITED", 1)),
		"member of a refusal":     answer(callRecord, 404, more(refusal)),
		"member in a batch":       answer(callBatch, 200, inBatch(201, more(guest))),
		"member of an item":       answer(callBatch, 200, strings.Replace(inBatch(201, guest), "{", `{"more":1,`, 1)),
		"refusal's in a batch":    answer(callBatch, 200, inBatch(404, more(refusal))),
		"refusal for a recording": answer(callBatch, 200, inBatch(201, refusal)),
	} {
		require.Error(t, err, name)
	}
	ask := func(call, target, body string, headers ...string) error {
		method, _, _ := strings.Cut(call, " ")
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header = http.Header{"Authorization": {"Bearer x"}, "Content-Type": {"application/json"}}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return d.asked(call, r)
	}
	require.NoError(t, ask(callRecord, "/record", tea, "Idempotency-Key", key))
	require.NoError(t, ask(callBatch, "/record/batch", "["+entry(key, tea)+"]"))
	require.NoError(t, ask(callEntries, "/customers/C-1/loyalty/entries?limit=2", ""))
	require.NoError(t, ask(callReceipt, "/receipts/"+id+"?t=x", "", "Authorization", ""))
	for name, err := range map[string]error{
		"call":              ask("GET /nowhere", "/nowhere", ""),
		"path":              ask(callSale, "/sale/"+id, ""),
		"shorter path":      ask(callSale, "/sales", ""),
		"value in the path": ask(callSale, "/sales/1", ""),
		"no key":            ask(callSale, "/sales/"+id, "", "Authorization", ""),
		"query":             ask(callSale, "/sales/"+id+"?more=1", ""),
		"query missing":     ask(callReceipt, "/receipts/"+id, ""),
		"number in a query": ask(callEntries, "/customers/C-1/loyalty/entries?limit=0", ""),
		"header missing":    ask(callRecord, "/record", tea),
		"header":            ask(callRecord, "/record", tea, "Idempotency-Key", key, "X-More", "1"),
		"header's value":    ask(callRecord, "/record", tea, "Idempotency-Key", "x"),
		"body":              ask(callSale, "/sales/"+id, "{}"),
		"no body":           ask(callRecord, "/record", "", "Idempotency-Key", key),
		"media type":        ask(callRecord, "/record", tea, "Idempotency-Key", key, "Content-Type", "text/plain"),
		"member":            ask(callRecord, "/record", more(tea), "Idempotency-Key", key),
		"member in a batch": ask(callBatch, "/record/batch", "["+entry(key, more(tea))+"]"),
	} {
		require.Error(t, err, name)
	}
}
