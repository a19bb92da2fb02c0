package composetest

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/sale"
	"github.com/tillseal/tillseal/shared/stream"
)

var (
	mentioned = regexp.MustCompile(`\b(?:services|shared|contracts|infra)/[A-Za-z0-9_./-]*[A-Za-z0-9]`)
	linked    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading   = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	fenced    = regexp.MustCompile("(?ms)^```.*?^```")
)

// files are the repository's with one of these endings, by their path from its root. What is installed or made is left out.
func files(t *testing.T, endings ...string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if name == "node_modules" || strings.HasPrefix(name, ".") && path != root && name != ".github" {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) }) {
			return nil
		}
		text, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, root+"/")] = string(text)
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

// slugs are the fragments by which GitHub links to a page's headings.
func slugs(page string) (all []string) {
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		text := notInSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(h[1])), "")
		all = append(all, strings.ReplaceAll(text, " ", "-"))
	}
	return all
}

func TestTheDocumentsNameFilesThatExist(t *testing.T) {
	for page, text := range files(t, ".md") {
		for _, path := range mentioned.FindAllString(text, -1) {
			_, err := os.Stat(filepath.Join(root, path))
			require.NoError(t, err, page)
		}
	}
}

func TestTheDocumentsLinkToPagesAndHeadingsThatExist(t *testing.T) {
	pages := files(t, ".md")
	for page, text := range pages {
		for _, link := range linked.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if strings.Contains(link[1], ":") {
				continue // elsewhere
			}
			path, fragment, _ := strings.Cut(link[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
				require.FileExists(t, filepath.Join(root, target), "%s links to %s", page, link[1])
			}
			if fragment != "" {
				require.Contains(t, slugs(pages[target]), fragment, "%s links to %s", page, link[1])
			}
		}
	}
}

// whole is a source's text with its string literals put together again.
func whole(text string) string { return regexp.MustCompile(`" \+\n\s*"`).ReplaceAllString(text, "") }

func TestWhatTheCodeCitesIsInThePages(t *testing.T) {
	operations, contract := read(t, "infra/docs/OPERATIONS.md"), read(t, "infra/docs/CONTRACT.md")
	titles, sections := heading.FindAllStringSubmatch(operations, -1), heading.FindAllStringSubmatch(contract, -1)
	begins := func(headings [][]string, cited, after string) bool {
		return slices.ContainsFunc(headings, func(h []string) bool { return strings.HasPrefix(cited, h[1]+after) || cited == h[1] })
	}
	title := regexp.MustCompile(`OPERATIONS\.md, ([A-Z][^".:;)\n]*)|(?:see |")([A-Z][A-Za-z ]*)"? in infra/docs/OPERATIONS\.md`)
	section := regexp.MustCompile(`CONTRACT\.md, ([0-9](?:\.[0-9])?)(?: and ([0-9](?:\.[0-9])?))?`)
	titled, numbered := 0, 0
	for file, text := range files(t, ".go", ".sql", ".sol", ".mjs", ".txt", ".conf", ".cfg", ".example") {
		for _, found := range title.FindAllStringSubmatch(whole(text), -1) {
			titled++
			require.True(t, begins(titles, found[1]+found[2], ""), "%s cites %q", file, found[0])
		}
		for _, found := range section.FindAllStringSubmatch(text, -1) {
			for _, number := range found[1:] {
				known := slices.ContainsFunc(sections, func(h []string) bool {
					return strings.HasPrefix(h[1], number+" ") || strings.HasPrefix(h[1], number+". ")
				})
				require.True(t, number == "" || known, "%s cites %q", file, found[0])
			}
			numbered++
		}
	}
	require.Greater(t, titled, 5)
	require.Greater(t, numbered, 20)
}

func TestTheOperationsPageHasEveryAlarmInTheWordsOfTheCode(t *testing.T) {
	page := strings.Join(strings.Fields(read(t, "infra/docs/OPERATIONS.md")), " ")
	quoted := regexp.MustCompile("`(ALARM: [^`]*)`").FindAllStringSubmatch(page, -1)
	var raised []string
	for file, text := range files(t, ".go") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, found := range regexp.MustCompile(`"(ALARM: [^"]*)"`).FindAllStringSubmatch(whole(text), -1) {
			raised = append(raised, found[1])
		}
	}
	require.NotEmpty(t, raised)
	for _, alarm := range raised {
		require.True(t, slices.ContainsFunc(quoted, func(q []string) bool { return strings.HasPrefix(alarm, q[1]) }), "the page has nothing about %q", alarm)
	}
	for _, q := range quoted {
		require.True(t, slices.ContainsFunc(raised, func(alarm string) bool { return strings.HasPrefix(alarm, q[1]) }), "nothing raises %q", q[1])
	}
}

func TestTheContractNamesEveryCallCodeAndRequest(t *testing.T) {
	page := read(t, "infra/docs/CONTRACT.md")
	var document struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas struct {
				Code struct {
					Enum []string `json:"enum"`
				} `json:"Code"`
			} `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "services/gateway/internal/api/openapi.json")), &document))
	has := func(what string) {
		t.Helper()
		require.True(t, strings.Contains(page, what), "infra/docs/CONTRACT.md lacks %s", what) // Contains would print the page
	}
	for path, methods := range document.Paths {
		for method := range methods {
			has("| `" + strings.ToUpper(method) + " " + path)
		}
	}
	require.NotEmpty(t, document.Components.Schemas.Code.Enum)
	for _, code := range document.Components.Schemas.Code.Enum {
		has("| " + code + " |")
	}
	has(sale.Type)
	requests := 0
	for file, text := range files(t, ".go") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, found := range regexp.MustCompile(`Subject: +"([a-z.]+)"`).FindAllStringSubmatch(text, -1) {
			has("`" + found[1] + "`")
			requests++
		}
	}
	require.Greater(t, requests, 10)
}

func TestTheStreamsPageNamesEveryStreamWithItsDurable(t *testing.T) {
	text := read(t, "infra/docs/STREAMS.md")
	for name, durable := range map[string]string{
		stream.SalesRecorded: stream.DurablePricing, stream.SalesPriced: stream.DurableAnchor, stream.SalesAnchored: stream.DurableLedger,
		stream.Batches: stream.DurableLedgerBatches, stream.SalesDLQ: stream.DurableLedgerParked,
	} {
		_, row, found := strings.Cut(text, "\n| "+name+" |")
		require.True(t, found, name)
		row, _, _ = strings.Cut(row, "\n")
		require.Contains(t, row, "| "+durable+", of ", name)
	}
	for _, name := range stream.Names() {
		require.Contains(t, text, name)
	}
}
