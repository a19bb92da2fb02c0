package gateway_test

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func (d *document) response(path, method, status string) (at string, m message, declared bool) {
	m, declared = d.Paths[path][strings.ToLower(method)].Responses[status]
	at, m = followed(pointer("paths", path, strings.ToLower(method), "responses", status), m.Ref, m, d.Components.Responses)
	return at, m, declared
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

// parameters compares what was sent of one kind, such as headers, with what is declared of it.
func (d *document) parameters(declared map[string]parameter, sent map[string][]string) error {
	var faults []error
	for name, p := range declared {
		if p.Required && len(sent[name]) == 0 {
			faults = append(faults, fmt.Errorf("%s is missing", name))
		}
	}
	for name, values := range sent {
		p, ok := declared[name]
		if !ok {
			faults = append(faults, fmt.Errorf("%s is not in the document", name))
			continue
		}
		for _, value := range values {
			if err := d.text(p.at+"/schema", value); err != nil {
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

func (d *document) body(at string, declared message, h http.Header, body []byte) error {
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
	headers := make(map[string]parameter)
	for name, h := range declared.Headers {
		at, h := followed(at+pointer("headers", name), h.Ref, h, d.Components.Headers)
		h.at = at
		headers[http.CanonicalHeaderKey(name)] = h
	}
	return errors.Join(d.parameters(headers, unusual(r.Header)), d.body(at, declared, r.Header, r.Body))
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
		declared := make(map[string]parameter)
		for i, p := range o.Parameters {
			at, p := followed(at+pointer("parameters", strconv.Itoa(i)), p.Ref, p, d.Components.Parameters)
			if p.In == in {
				p.at = at
				declared[p.Name] = p
			}
		}
		faults = append(faults, d.parameters(declared, sent))
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	switch {
	case o.RequestBody != nil && !o.RequestBody.Required && len(body) == 0:
	case o.RequestBody != nil:
		faults = append(faults, d.body(at+"/requestBody", *o.RequestBody, r.Header, body))
	case len(body) > 0:
		faults = append(faults, errors.New("a body is not in the document"))
	}
	return errors.Join(faults...)
}

// placeholders reads the values in a path of the {names} of a template.
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
