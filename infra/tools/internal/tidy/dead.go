package tidy

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// silent are files that name others without using them.
var silent = []string{"go.sum", "go.work.sum", "package-lock.json"}

// dead finds what nobody uses: a statement that no Go file above it embeds by name, another file whose name occurs in no other, a package
// that nobody imports and a program that nobody names. A file may be named without its suffix, in quotes, by Go in its folder or above it,
// as a loader of golden files does. That a name occurs does not prove that the file is used; one that occurs nowhere is not.
func (r Rules) dead(t *tree) {
	for i := range t.files {
		f := &t.files[i]
		if strings.HasSuffix(f.path, ".go") || r.isKnown(t, f.path) || r.isRead(t, f.path) {
			continue
		}
		if path.Base(path.Dir(f.path)) == "sql" {
			if !t.isEmbedded(f.path) {
				t.report(f.path, 1, "no Go file in the folder above embeds it by name: remove it, or embed it (//go:embed sql/%s)", path.Base(f.path))
			}
			continue
		}
		if t.isNamed(f.path) {
			continue
		}
		t.report(f.path, 1, "no other file names it: remove it, or have what uses it name it")
	}
	t.deadPackages()
}

// isKnown reports whether a file is found by its name, by a program that needs not be told.
func (r Rules) isKnown(t *tree, p string) bool {
	base := path.Base(p)
	known := false
	for pattern := range r.Known {
		if suffix, many := strings.CutPrefix(pattern, "*"); base == pattern || many && strings.HasSuffix(base, suffix) {
			known = t.excused("Known", r.Known, pattern)
		}
	}
	return known
}

func (r Rules) isRead(t *tree, p string) bool {
	return t.excused("Read", r.Read, path.Dir(p))
}

// isEmbedded reports whether Go in the folder above a folder sql embeds a file of it by name.
func (t *tree) isEmbedded(p string) bool {
	folder := path.Dir(path.Dir(p))
	directive := "//go:embed sql/" + path.Base(p) + "\n"
	return slices.ContainsFunc(t.files, func(f file) bool {
		return path.Dir(f.path) == folder && strings.HasSuffix(f.path, ".go") && strings.Contains(f.text, directive)
	})
}

func (t *tree) isNamed(p string) bool {
	base := path.Base(p)
	stem := strconv.Quote(strings.TrimSuffix(base, path.Ext(base)))
	for i := range t.files {
		f := &t.files[i]
		if f.path == p || slices.Contains(silent, path.Base(f.path)) {
			continue
		}
		if names(f.text, base) {
			return true
		}
		if strings.HasSuffix(f.path, ".go") && within(p, path.Dir(f.path)) && strings.Contains(f.text, stem) {
			return true
		}
	}
	return false
}

// names reports whether text has a file's name as a word of its own.
func names(text, base string) bool {
	for {
		at := strings.Index(text, base)
		if at < 0 {
			return false
		}
		before, after := text[:at], text[at+len(base):]
		if (before == "" || !partOfName(before[len(before)-1])) && (after == "" || !partOfName(after[0]) || after[0] == '.') {
			return true
		}
		text = after
	}
}

func partOfName(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// deadPackages finds packages that nobody imports, not even a test of others, and programs whose folder, as cmd/dev, nobody names.
func (t *tree) deadPackages() {
	imported := make(map[string]bool)
	for i := range t.files {
		if f := &t.files[i]; f.syntax != nil {
			for _, spec := range f.syntax.Imports {
				if name, err := strconv.Unquote(spec.Path.Value); err == nil {
					imported[name] = true
				}
			}
		}
	}
	modules := t.modules()
	seen := make(map[string]bool)
	for i := range t.files {
		f := &t.files[i]
		folder := path.Dir(f.path)
		if f.syntax == nil || f.test || seen[folder] {
			continue
		}
		seen[folder] = true
		if f.syntax.Name.Name == "main" {
			if program := path.Join(path.Base(path.Dir(folder)), path.Base(folder)); !t.isCalled(folder, program) {
				t.report(f.path, f.line(f.syntax.Package), "no file outside it names the program %s: remove it, or have what runs it name it", program)
			}
			continue
		}
		if name := modules.path(folder); !imported[name] {
			t.report(f.path, f.line(f.syntax.Package), "nobody imports package %s: remove it", name)
		}
	}
}

func (t *tree) isCalled(folder, program string) bool {
	return slices.ContainsFunc(t.files, func(f file) bool { return path.Dir(f.path) != folder && names(f.text, program) })
}

// modules are the import paths of folders with a go.mod.
type modules map[string]string

func (t *tree) modules() modules {
	all := make(modules)
	for _, f := range t.files {
		if path.Base(f.path) != "go.mod" {
			continue
		}
		for line := range strings.Lines(f.text) {
			if name, ok := strings.CutPrefix(line, "module "); ok {
				all[path.Dir(f.path)] = strings.TrimSpace(name)
			}
		}
	}
	return all
}

// path is the import path of a folder.
func (m modules) path(folder string) string {
	for at := folder; ; at = path.Dir(at) {
		if name, ok := m[at]; ok {
			return path.Join(name, strings.TrimPrefix(folder, at))
		}
		if at == "." {
			return folder
		}
	}
}
