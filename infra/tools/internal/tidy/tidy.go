// Package tidy holds the tree to the house rules that no linter of ours knows: how long lines and files are, that no file is dead, that
// SQL stands in .sql files, that what is exported is documented, and which module may import which. It reads text, so it is done in a
// second and runs before the linters that compile. What is let off stands in house.go with its reason.
package tidy

import (
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"slices"
	"strings"
)

// Violation is a place that breaks a rule.
type Violation struct {
	Path string
	Line int
	Says string // what is wrong, and what is expected
}

// String is the violation as editors find its place.
func (v Violation) String() string { return fmt.Sprintf("%s:%d: %s", v.Path, v.Line, v.Says) }

// Run writes what is wrong in the clone around dir, a line each and their number at the end, and returns the number.
func Run(ctx context.Context, dir string, rules Rules, out io.Writer) (count int, err error) {
	files, err := load(ctx, dir)
	if err != nil {
		return 0, err
	}
	violations := rules.check(files)
	for _, v := range violations {
		if _, err := fmt.Fprintln(out, v); err != nil {
			return len(violations), err
		}
	}
	if len(violations) > 0 {
		_, err = fmt.Fprintf(out, "tidy: %d places break a house rule; what may be let off, and why, stands in infra/tools/internal/tidy/house.go\n", len(violations))
	}
	return len(violations), err
}

// Rules are the house rules with what they let off.
type Rules struct {
	MaxLine, MaxFile int // characters, and lines of a Go file

	LongFiles map[string]string // path → reason why it is longer
	InlineSQL map[string]string // path → reason why it has statements
	Read      map[string]string // folder → who reads whatever lies in it
	Known     map[string]string // file name, or *.suffix → who knows it without being told
	Law       Law
}

// tree is what was loaded, with what every rule asks of it.
type tree struct {
	files []file
	found []Violation
	used  map[string]bool // exceptions that something needed
}

func (t *tree) report(path string, line int, format string, args ...any) {
	t.found = append(t.found, Violation{path, line, fmt.Sprintf(format, args...)})
}

// excused reports whether an exception lets a path off, and notes that it was needed.
func (t *tree) excused(list string, exceptions map[string]string, path string) bool {
	_, listed := exceptions[path]
	if listed {
		t.used[list+" "+path] = true
	}
	return listed
}

func (r Rules) check(files []file) []Violation {
	t := &tree{files: files, used: make(map[string]bool)}
	for i := range files {
		t.parse(&files[i])
	}
	r.sizes(t)
	r.statements(t)
	documented(t)
	r.imports(t)
	r.dead(t)
	for list, exceptions := range map[string]map[string]string{"LongFiles": r.LongFiles, "InlineSQL": r.InlineSQL, "Read": r.Read, "Known": r.Known} {
		for path := range exceptions {
			if !t.used[list+" "+path] {
				t.report("infra/tools/internal/tidy/house.go", 1, "nothing needs the exception for %s in %s any more: take it out", path, list)
			}
		}
	}
	slices.SortFunc(t.found, func(a, b Violation) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), strings.Compare(a.Says, b.Says))
	})
	return t.found
}

// file is one of the tree. Without syntax it is no Go, or none that can be parsed.
type file struct {
	path string
	text string

	syntax    *ast.File
	positions *token.FileSet
	generated bool
	test      bool
}

func (t *tree) parse(f *file) {
	if !strings.HasSuffix(f.path, ".go") {
		return
	}
	f.test = strings.HasSuffix(f.path, "_test.go")
	f.positions = token.NewFileSet()
	syntax, err := parser.ParseFile(f.positions, f.path, f.text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.report(f.path, 1, "it is no Go that can be parsed: %v", err)
		return
	}
	f.syntax, f.generated = syntax, ast.IsGenerated(syntax)
}

func (f *file) line(p token.Pos) int { return f.positions.Position(p).Line }
