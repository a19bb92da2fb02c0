package audit

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEachFindingIsExplained holds infra/docs/AUDITING.md to the findings that there are.
func TestEachFindingIsExplained(t *testing.T) {
	source, err := os.ReadFile("report.go")
	require.NoError(t, err)
	page, err := os.ReadFile("../../infra/docs/AUDITING.md")
	require.NoError(t, err)
	kinds := regexp.MustCompile(`Kind = "(\w+)"`).FindAllSubmatch(source, -1)
	require.Greater(t, len(kinds), 20)
	require.Len(t, AllKinds(), len(kinds))
	for i, kind := range kinds {
		require.Equal(t, string(AllKinds()[i]), string(kind[1]))
		require.True(t, strings.Contains(string(page), "`"+string(kind[1])+"`"), "infra/docs/AUDITING.md lacks %s", kind[1]) // Contains would print the page
	}
}
