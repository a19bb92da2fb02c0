package composetest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tillseal/tillseal/shared/stream"
)

var (
	mentioned = regexp.MustCompile(`\b(?:services|shared|contracts|infra)/[A-Za-z0-9_./-]*[A-Za-z0-9]`)
	linked    = regexp.MustCompile(`\]\(([^)#:]+)\)`)
)

func TestTheDocumentsNameFilesThatExist(t *testing.T) {
	docs, err := filepath.Glob(filepath.Join(root, "infra/docs/decisions/*.md"))
	require.NoError(t, err)
	docs = append(docs, filepath.Join(root, "README.md"), filepath.Join(root, "infra/docs/ARCHITECTURE.md"),
		filepath.Join(root, "infra/docs/OPERATIONS.md"))
	for _, doc := range docs {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, path := range mentioned.FindAllString(string(text), -1) {
			_, err := os.Stat(filepath.Join(root, path))
			require.NoError(t, err, doc)
		}
		for _, link := range linked.FindAllStringSubmatch(string(text), -1) {
			require.FileExists(t, filepath.Join(filepath.Dir(doc), link[1]), doc)
		}
	}
}

func TestTheArchitectureNamesEveryStreamWithItsDurable(t *testing.T) {
	text := read(t, "infra/docs/ARCHITECTURE.md")
	for name, durable := range map[string]string{
		stream.SalesRecorded: stream.DurablePricing, stream.SalesPriced: stream.DurableAnchor, stream.SalesAnchored: stream.DurableLedger,
		stream.Batches: stream.DurableLedgerBatches, stream.SalesDLQ: stream.DurableLedgerParked,
	} {
		_, row, found := strings.Cut(text, "\n| "+name+" |")
		require.True(t, found, name)
		row, _, _ = strings.Cut(row, "\n")
		require.Contains(t, row, "| "+durable+", of ", name)
	}
}
