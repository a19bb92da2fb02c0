// Package tidy checks the house rules that no linter of ours knows: how long lines and files are, that no file is dead, that SQL is in .sql
// files, that what is exported is documented, and which module may import which. It only reads text, so it takes a second and runs before
// the linters that compile. The exceptions are in house.go, each with its reason.
package tidy

import (
	"cmp"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"iter"
	"maps"
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
		_, err = fmt.Fprintf(out, "tidy: %d places break a house rule; its exceptions and their reasons are in infra/tools/internal/tidy/house.go\n",
			len(violations))
	}
	return len(violations), err
}

// Rules are the house rules with what they let off.
type Rules struct {
	MaxLine, MaxFile int // characters, and lines of a Go file

	LongFiles map[string]string  // path → reason why it is longer
	InlineSQL map[string]Allowed // path → how many statements it may have, and why
	Read      map[string]string  // folder → who reads whatever lies in it
	Known     map[string]string  // file name, or *.suffix → who knows it without being told
	Law       Law
}

// Allowed is an exception for exactly so many places of one file.
type Allowed struct {
	Number int
	Why    string
}

// tree is what was loaded, with what every rule asks of it.
type tree struct {
	files      []file
	found      []Violation
	used       map[string]bool // exceptions that are needed as they are
	statements map[string]int  // of inline SQL so far, by path
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
	t := &tree{files: files, used: make(map[string]bool), statements: make(map[string]int)}
	for i := range files {
		t.parse(&files[i])
	}
	r.sizes(t)
	r.statements(t)
	documented(t)
	r.imports(t)
	r.dead(t)
	t.needed("InlineSQL", maps.Keys(r.InlineSQL))
	for list, exceptions := range map[string]map[string]string{"LongFiles": r.LongFiles, "Read": r.Read, "Known": r.Known} {
		t.needed(list, maps.Keys(exceptions))
	}
	slices.SortFunc(t.found, func(a, b Violation) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), strings.Compare(a.Says, b.Says))
	})
	return t.found
}

// needed reports the exceptions of a list that nothing needs, or not as many times as they allow.
func (t *tree) needed(list string, paths iter.Seq[string]) {
	for path := range paths {
		if !t.used[list+" "+path] {
			t.report("infra/tools/internal/tidy/house.go", 1, "the exception for %s in %s is no longer needed as it is: correct or remove it", path, list)
		}
	}
}

// file is one of the tree. Without syntax it is not Go, or cannot be parsed.
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
		t.report(f.path, 1, "cannot be parsed as Go: %v", err)
		return
	}
	f.syntax, f.generated = syntax, ast.IsGenerated(syntax)
}

func (f *file) line(p token.Pos) int { return f.positions.Position(p).Line }
