package gateway_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// openAPISchema is the OpenAPI Initiative's own schema of OpenAPI 3.1 documents, under Apache-2.0.
//
//go:embed testdata/openapi-3.1.json
var openAPISchema []byte

// openAPIAt and documentAt name the two for references; nothing is requested there.
const (
	openAPIAt  = "https://spec.openapis.org/oas/3.1/schema/2022-10-07"
	documentAt = "https://gateway.invalid/openapi.json"
)

// usual are the headers that any message may have.
var usual = []string{
	"Access-Control-Allow-Origin", "Authorization", "Cache-Control", "Connection", "Content-Length", "Content-Security-Policy", "Content-Type", "Date",
	"Referrer-Policy", "Vary", "X-Content-Type-Options", "X-Robots-Tag",
}

// document compares messages with an OpenAPI 3.1 document, strictly: a member, header or parameter that it does not have is a fault, although
// a client would ignore it.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Parameters map[string]parameter `json:"parameters"`
		Headers    map[string]parameter `json:"headers"`
		Responses  map[string]message   `json:"responses"`
		Schemas    struct {
			BatchProblem enumOf `json:"BatchProblem"`
		} `json:"schemas"`
	} `json:"components"`
	schemas *jsonschema.Compiler
}

type operation struct {
	Security    *[]struct{}        `json:"security"` // empty: needs no key
	Parameters  []parameter        `json:"parameters"`
	RequestBody *message           `json:"requestBody"`
	Responses   map[string]message `json:"responses"`
}

// parameter is one of a request, or a header of an answer.
type parameter struct {
	at       string // its JSON pointer
	Ref      string `json:"$ref"`
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
}

// message is an answer, or the body of a request.
type message struct {
	Ref      string               `json:"$ref"`
	Required bool                 `json:"required"`
	Headers  map[string]parameter `json:"headers"`
	Content  map[string]struct {
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
func readDocument(text []byte) (*document, error) {
	d := &document{schemas: jsonschema.NewCompiler()} // JSON Schema 2020-12, as OpenAPI 3.1 has it
	d.schemas.AssertFormat()
	if err := json.Unmarshal(text, d); err != nil {
		return nil, err
	}
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	meta, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPISchema))
	if err != nil {
		return nil, err
	}
	if err := d.schemas.AddResource(openAPIAt, meta); err != nil {
		return nil, err
	}
	whole, err := d.schemas.Compile(openAPIAt)
	if err != nil {
		return nil, err
	}
	if err := whole.Validate(root); err != nil {
		return nil, err
	}
	closeSchemas(root, false)
	return d, d.schemas.AddResource(documentAt, root)
}

// closeSchemas forbids, in each schema of a whole value, members that nothing in it evaluates. A part of one (in allOf or oneOf, or referred
// to) stays open, since its other parts evaluate the rest. whole means that node is the schema of a whole value.
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
				closeSchemas(one, name == "schema" || name == "items" || name == "additionalProperties")
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

// followed is what is at a pointer, or where its reference leads.
func followed[T any](at, ref string, here T, named map[string]T) (string, T) {
	if ref == "" {
		return at, here
	}
	return strings.TrimPrefix(ref, "#"), named[ref[strings.LastIndexByte(ref, '/')+1:]]
}

func TestWhatTheDocumentDoesNotHaveIsFound(t *testing.T) {
	text, err := os.ReadFile("internal/api/openapi.json")
	require.NoError(t, err)
	d, err := readDocument(text)
	require.NoError(t, err)
	_, err = readDocument(bytes.Replace(text, []byte(`"openapi": "3.1.0"`), []byte(`"openapi": "4.0.0"`), 1))
	require.ErrorContains(t, err, "/openapi")
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
		`"total":"1","loyalty":null,"record_number":1,"previous_hash":"` + noHash + `",` +
		`"anchor":{"status":"pending","sale_hash":"0xa7f1bc5b9c893d076730f875cbf4f9dfe505cd14a6ba55e209febb68ce8af435",` +
		`"proof_url":"/sales/x/proof"},"promise":"a.b-_.C9","receipt_url":"/receipts/x?t=y"}`
	const refusal = `{"type":"urn:x","title":"x","status":404,"code":"NOT_FOUND","detail":"x","instance":"urn:x"}`
	more := func(text string) string { return strings.TrimSuffix(text, "}") + `,"more":1}` }
	inBatch := func(status int, body string) string {
		return fmt.Sprintf(`[{"idempotency_key":"%s","status":%d,"body":%s}]`, key, status, body)
	}
	require.NoError(t, answer(callRecord, 201, guest))
	require.NoError(t, answer(callRecord, 201, guest, "Idempotency-Replayed", "true"))
	require.NoError(t, answer(callRecord, 404, refusal))
	require.NoError(t, answer(callBatch, 200, inBatch(201, guest)))
	require.NoError(t, answer(callBatch, 200, inBatch(404, refusal)))
	require.NoError(t, answer(callReceipt, 200, "<p>", "Content-Type", "text/html; charset=utf-8"))
	found := func(reason string, err error) {
		t.Helper()
		require.ErrorContains(t, err, reason)
	}
	tooEarly := strings.NewReplacer("404", "409", "NOT_FOUND", "NOT_ANCHORED_YET").Replace(refusal)
	require.NoError(t, answer(callProof, 409, tooEarly, "Retry-After", "1"))
	found("418 is not in the document", answer(callRecord, 418, refusal))
	found("Content-Type text/plain is not in the document", answer(callRecord, 201, guest, "Content-Type", "text/plain"))
	found(`Content-Type ""`, answer(callRecord, 201, guest, "Content-Type", ""))
	found("Server is not in the document", answer(callRecord, 201, guest, "Server", "x"))
	found("Idempotency-Replayed: ", answer(callRecord, 201, guest, "Idempotency-Replayed", "yes"))
	found("X-Request-Id is missing", answer(callRecord, 201, guest, "X-Request-Id", ""))
	found("minimum", answer(callProof, 409, tooEarly, "Retry-After", "0"))
	found("invalid character", answer(callRecord, 201, guest+"x"))
	found("more': false schema", answer(callRecord, 201, more(guest)))
	found("more': false schema", answer(callRecord, 201, strings.Replace(guest, `"status"`, `"more":1,"status"`, 1)))
	found("missing property 'loyalty'", answer(callRecord, 201, strings.Replace(guest, `"loyalty":null,`, "", 1)))
	found("does not match pattern", answer(callRecord, 201, strings.Replace(guest, "INR", "inr", 1)))
	found("not valid uri", answer(callRecord, 404, strings.Replace(refusal, "urn:x", "x", 1)))
	found("/code", answer(callRecord, 404, strings.Replace(refusal, "NOT_FOUND", "RATE_LIMITED", 1)))
	found("more': false schema", answer(callRecord, 404, more(refusal)))
	found("more': false schema", answer(callBatch, 200, inBatch(201, more(guest))))
	found("more': false schema", answer(callBatch, 200, strings.Replace(inBatch(201, guest), "{", `{"more":1,`, 1)))
	found("more': false schema", answer(callBatch, 200, inBatch(404, more(refusal))))
	found("missing properties", answer(callBatch, 200, inBatch(201, refusal)))
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
	found("GET /nowhere is not in the document", ask("GET /nowhere", "/nowhere", ""))
	found("is not /sales/{id}", ask(callSale, "/sale/"+id, ""))
	found("is not /sales/{id}", ask(callSale, "/sales", ""))
	found("id: ", ask(callSale, "/sales/1", ""))
	found("Authorization is missing", ask(callSale, "/sales/"+id, "", "Authorization", ""))
	found("more is not in the document", ask(callSale, "/sales/"+id+"?more=1", ""))
	found("t is missing", ask(callReceipt, "/receipts/"+id, ""))
	found("limit: ", ask(callEntries, "/customers/C-1/loyalty/entries?limit=0", ""))
	found("Idempotency-Key is missing", ask(callRecord, "/record", tea))
	found("X-More is not in the document", ask(callRecord, "/record", tea, "Idempotency-Key", key, "X-More", "1"))
	found("Idempotency-Key: ", ask(callRecord, "/record", tea, "Idempotency-Key", "x"))
	found("a body is not in the document", ask(callSale, "/sales/"+id, "{}"))
	found("EOF", ask(callRecord, "/record", "", "Idempotency-Key", key))
	found("Content-Type text/plain is not in the document", ask(callRecord, "/record", tea, "Idempotency-Key", key, "Content-Type", "text/plain"))
	found("'more' not allowed", ask(callRecord, "/record", more(tea), "Idempotency-Key", key))
	found("'more' not allowed", ask(callBatch, "/record/batch", "["+entry(key, more(tea))+"]"))
}
