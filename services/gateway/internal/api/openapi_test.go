package api

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// document is what these tests read of openapi.json.
type document struct {
	Paths      map[string]map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas struct {
			Code struct {
				Enum []string `json:"enum"`
			} `json:"Code"`
		} `json:"schemas"`
		Examples map[string]struct {
			Value problem `json:"value"`
		} `json:"examples"`
	} `json:"components"`
}

func readDocument(t *testing.T) document {
	t.Helper()
	var d document
	require.NoError(t, json.Unmarshal(openAPI, &d))
	return d
}

func TestTheDocumentHasEveryRouteAndNoOther(t *testing.T) {
	s := &Server{Log: slog.New(slog.DiscardHandler)}
	s.build()
	parameter := regexp.MustCompile(`:(\w+)`)
	var served, documented []string
	for _, r := range s.app.GetRoutes(true) {
		if r.Method != http.MethodHead { // wherever GET is
			served = append(served, r.Method+" "+parameter.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	for path, methods := range readDocument(t).Paths {
		for method := range methods {
			documented = append(documented, strings.ToUpper(method)+" "+path)
		}
	}
	require.ElementsMatch(t, served, documented)
}

func TestTheDocumentHasEveryCodeAsItIsAnswered(t *testing.T) {
	d := readDocument(t)
	var served []string
	for code, kind := range kinds {
		served = append(served, string(code))
		example := d.Components.Examples[string(code)].Value
		require.Equal(t, []any{code, kind.status, kind.title, "urn:tillseal:problem:" + string(code)},
			[]any{example.Code, example.Status, example.Title, example.Type}, code)
	}
	require.ElementsMatch(t, served, d.Components.Schemas.Code.Enum)
	require.Len(t, d.Components.Examples, len(kinds))
}
