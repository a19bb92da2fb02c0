package engine_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/testkit"
)

var documentedMetric = regexp.MustCompile(`\btillseal_[a-z_]*[a-z]\b`)

// scrape reads the names of a service's metrics.
func scrape(t *testing.T, port int) (names map[string]bool, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/metrics", port), nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	names = make(map[string]bool)
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if name, _, _ := strings.Cut(lines.Text(), " "); !strings.HasPrefix(name, "#") {
			name, _, _ = strings.Cut(name, "{")
			names[name] = true
		}
	}
	return names, nil
}

// requireMetrics checks that every metric that the documents name is there at the services' first scrape: an alarm on an increase
// needs the zero before. What a service shows of its streams, it shows once it has asked NATS.
func requireMetrics(t *testing.T, first int) {
	t.Helper()
	found := make(map[string]bool)
	for port := first; port < first+4; port++ {
		testkit.Eventually(t, soon, "metrics are served", func() error {
			names, err := scrape(t, port)
			for name := range names {
				found[name] = true
			}
			return err
		})
	}
	ofStreams := make(map[string]bool)
	pages, err := filepath.Glob("../../../docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, doc := range append(pages, "../../../../README.md") {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, name := range documentedMetric.FindAllString(string(text), -1) {
			if strings.HasPrefix(name, "tillseal_stream_") || strings.HasPrefix(name, "tillseal_durable_") {
				ofStreams[name] = true
				continue
			}
			base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			require.True(t, found[name] || found[base+"_count"], "%s names %s, which no service shows from its start on", doc, name)
		}
	}
	require.NotEmpty(t, ofStreams)
	testkit.Eventually(t, soon, "the streams are shown", func() error {
		names, err := scrape(t, first)
		for name := range ofStreams {
			if err == nil && !names[name] {
				err = fmt.Errorf("%s is not shown", name)
			}
		}
		return err
	})
}
