package tidy

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
)

// statement is how SQL begins: in capitals, as the house writes it, or in any case with what makes it more than an English word. BEGIN,
// COMMIT and ROLLBACK alone are words of the protocol, not statements.
var statement = regexp.MustCompile(`^\(?\s*(` +
	`(SELECT|INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO|VALUES|TABLE|ALTER|CREATE|DROP|TRUNCATE|NOTIFY|LISTEN|SHOW|GRANT|REVOKE|LOCK|COPY|CALL|EXPLAIN)\s` +
	`|SET\s+((LOCAL|SESSION)\s+)?[a-z_.]+\s+(=|TO)\s` +
	`|WITH\s+(RECURSIVE\s+)?\w+\s+(\([^)]*\)\s+)?AS\s` +
	`|(?is:select\s.+\sfrom\s+[a-z_]+[.a-z_]*(\s+(where|join|as|order|group|limit)\s|\s*;?\s*$)|with\s+\w+\s+as\s*\(|insert\s+into\s|delete\s+from\s)` +
	`|(?i:update\s+\S+\s+set\s|(drop|truncate|alter|create)\s+(table|role|index|schema|view|function)\s|set\s+\w+\s*=\s)` +
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
			if begins := statement.FindString(withoutComments(text)); begins != "" {
				t.excess(f, literal.Pos(), r.InlineSQL, begins)
			}
			return true
		})
	}
}

// excess reports a statement beyond those that a file is allowed.
func (t *tree) excess(f *file, at token.Pos, allowed map[string]Allowed, begins string) {
	t.statements[f.path]++
	if exception, listed := allowed[f.path]; listed {
		if n := t.statements[f.path]; n <= exception.Number {
			t.used["InlineSQL "+f.path] = n == exception.Number
			return
		}
	}
	t.report(f.path, f.line(at), "inline SQL (%s…): put the statement into a .sql file beside the code that runs it, and embed it", shortened(begins))
}

// shortened is the beginning of a statement on one line.
func shortened(begins string) string {
	const most = 40
	line := strings.Join(strings.Fields(begins), " ")
	return line[:min(len(line), most)]
}

// withoutComments drops SQL's comments, space and an opening BEGIN from the beginning of a statement.
func withoutComments(text string) string {
	for {
		text = strings.TrimSpace(text)
		switch {
		case strings.HasPrefix(text, "--"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			_, text, _ = strings.Cut(text, "*/")
		case opening.MatchString(text):
			text = opening.ReplaceAllString(text, "")
		default:
			return text + " " // whoever begins a statement may complete it elsewhere
		}
	}
}

// opening is a transaction's, before the statement that follows on the same line.
var opening = regexp.MustCompile(`^(?i:begin)\s*;`)
