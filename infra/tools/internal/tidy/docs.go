package tidy

import (
	"go/ast"
	"go/token"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// wellKnown are methods that the interface they belong to documents.
var wellKnown = []string{
	"Error", "Unwrap", "Is", "As", "String", "GoString", "Read", "Write", "Close", "ServeHTTP", "Len", "Less", "Swap",
	"MarshalText", "UnmarshalText", "MarshalJSON", "UnmarshalJSON", "RoundTrip",
}

// documented finds what is exported and says nothing of itself: packages, functions, types, methods of exported types, constants and
// variables, and the fields of each Config, which are a service's manual. A group's comment is enough for what stands in it.
func documented(t *tree) {
	packages := make(map[string]*file) // by folder: the first file of one that has no comment so far; nil: it has one
	for i := range t.files {
		f := &t.files[i]
		if f.syntax == nil || f.test || f.generated {
			continue
		}
		folder := path.Dir(f.path)
		if first, seen := packages[folder]; f.syntax.Doc != nil {
			packages[folder] = nil
		} else if !seen || first != nil && f.path < first.path {
			packages[folder] = f
		}
		for _, d := range f.syntax.Decls {
			t.declaration(f, d)
		}
	}
	for _, f := range packages {
		if f != nil {
			t.report(f.path, f.line(f.syntax.Package), "package %s has no comment: say what it is for above its package clause", f.syntax.Name.Name)
		}
	}
}

func (t *tree) undocumented(f *file, at token.Pos, what, name string) {
	t.report(f.path, f.line(at), "%s %s is exported and has no comment: say what it promises", what, name)
}

func (t *tree) declaration(f *file, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		switch {
		case !d.Name.IsExported() || d.Doc != nil:
		case d.Recv == nil:
			t.undocumented(f, d.Pos(), "function", d.Name.Name)
		case ast.IsExported(typeName(d.Recv.List[0].Type)) && !slices.Contains(wellKnown, d.Name.Name):
			t.undocumented(f, d.Pos(), "method", typeName(d.Recv.List[0].Type)+"."+d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
					t.undocumented(f, s.Pos(), "type", s.Name.Name)
				}
				if fields, ok := s.Type.(*ast.StructType); ok && ast.IsExported(s.Name.Name) && strings.HasSuffix(s.Name.Name, "Config") {
					t.settings(f, s.Name.Name, fields)
				}
			case *ast.ValueSpec:
				if d.Doc != nil || s.Doc != nil || s.Comment != nil {
					continue
				}
				for _, name := range s.Names {
					if name.IsExported() {
						t.undocumented(f, name.Pos(), d.Tok.String(), name.Name)
					}
				}
			}
		}
	}
}

// settings looks at a Config's fields: a comment above or behind, or a doc tag, says what a setting is. Another Config says it itself.
func (t *tree) settings(f *file, config string, fields *ast.StructType) {
	for _, field := range fields.Fields.List {
		if field.Doc != nil || field.Comment != nil || field.Tag != nil && describes(field.Tag.Value) || strings.HasSuffix(typeName(field.Type), "Config") {
			continue
		}
		for _, name := range field.Names {
			if name.IsExported() {
				t.report(f.path, f.line(name.Pos()), "%s.%s says nothing of itself: give it a doc tag or a comment, with its unit", config, name.Name)
			}
		}
	}
}

func describes(tag string) bool {
	text, err := strconv.Unquote(tag)
	return err == nil && reflect.StructTag(text).Get("doc") != ""
}

// typeName is the name of a type, without its package, pointer and parameters.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}
