package tidy

import (
	"go/ast"
	"strings"
	"unicode/utf8"
)

// sizes holds Go lines and files to their limits. Generated code is as long as its generator makes it.
func (r Rules) sizes(t *tree) {
	for i := range t.files {
		f := &t.files[i]
		if f.syntax == nil || f.generated {
			continue
		}
		tags := tagLines(f)
		lines := 0
		for line := range strings.Lines(f.text) {
			lines++
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > r.MaxLine && !tags[lines] {
				t.report(f.path, lines, "the line has %d characters, at most %d are expected: break it", n, r.MaxLine)
			}
		}
		if lines > r.MaxFile && !t.excused("LongFiles", r.LongFiles, f.path) {
			t.report(f.path, r.MaxFile+1, "the file has %d lines, at most %d are expected: split it by what its parts are for", lines, r.MaxFile)
		}
	}
}

// tagLines are the lines on which a struct's tag stands: a setting's line is its manual, and a tag can't be broken.
func tagLines(f *file) map[int]bool {
	lines := make(map[int]bool)
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if field, ok := n.(*ast.Field); ok && field.Tag != nil {
			lines[f.line(field.Tag.Pos())] = true
		}
		return true
	})
	return lines
}
