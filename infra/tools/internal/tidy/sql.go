package tidy

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// statement is how SQL begins: as the house writes it, or in any case with what makes it more than an English word.
var statement = regexp.MustCompile(`^(` +
	`(SELECT|INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|ALTER|CREATE|DROP|TRUNCATE|NOTIFY|LISTEN|GRANT|REVOKE|LOCK|COPY|CALL|EXPLAIN)\s` +
	`|SET (LOCAL |SESSION )?[a-z_.]+ (=|TO)\s` +
	`|WITH (RECURSIVE )?\w+ (\([^)]*\) )?AS\s` +
	`|(?i:select\s[^.]+\sfrom\s|insert\s+into\s|delete\s+from\s|update\s+\S+\s+set\s)` +
	`)`)

// statements finds SQL in Go. A statement is text in a .sql file beside the store that runs it, where psql and reviewers read it as
// what it is. A test's statements are its scenario's hands, and stay with the scenario.
func (r Rules) statements(t *tree) {
	for i := range t.files {
		f := &t.files[i]
		if f.syntax == nil || f.test || f.generated {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				return true
			}
			if begins := statement.FindString(withoutComments(text)); begins != "" && !t.excused("InlineSQL", r.InlineSQL, f.path) {
				t.report(f.path, f.line(literal.Pos()), "a statement stands in Go (%s…): it belongs in a .sql file beside the code that runs it, embedded",
					strings.Join(strings.Fields(begins), " "))
			}
			return true
		})
	}
}

// withoutComments drops SQL's comments, and space, from the beginning of a statement.
func withoutComments(text string) string {
	for {
		text = strings.TrimSpace(text)
		if !strings.HasPrefix(text, "--") {
			return text + " " // whoever begins a statement and goes on elsewhere
		}
		_, text, _ = strings.Cut(text, "\n")
	}
}
