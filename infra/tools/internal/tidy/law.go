package tidy

import (
	"slices"
	"strconv"
	"strings"
)

// Law says which module may import which of ours.
type Law struct {
	Prefix string // of the import paths of ours: github.com/owner/repository/
	Floors []Floor
	Tests  []TestsOnly
}

// Floor is a module with what it may import besides itself: modules, or packages alone. Go itself keeps everybody out of the internal
// packages of others.
type Floor struct {
	Module string   // its folder
	Below  []string // modules, as "shared/…", or packages, as "services/gateway"
	Why    string
}

// TestsOnly is a package that only tests import, and what is made for tests.
type TestsOnly struct {
	Package string // with whatever is in it
	But     string // the folder that may, "" for none
	Why     string
}

// imports holds every import against the law.
func (r Rules) imports(t *tree) {
	for i := range t.files {
		f := &t.files[i]
		if f.syntax == nil {
			continue
		}
		floor := slices.IndexFunc(r.Law.Floors, func(l Floor) bool { return within(f.path, l.Module) })
		if floor < 0 {
			t.report(f.path, f.line(f.syntax.Package), "no floor has this folder: put its module into the law of infra/tools/internal/tidy/house.go")
			continue
		}
		for _, spec := range f.syntax.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				continue
			}
			line := f.line(spec.Pos())
			if ours, ok := strings.CutPrefix(path, r.Law.Prefix); ok && !r.Law.Floors[floor].may(ours) {
				t.report(f.path, line, "%s may not import %s: %s", r.Law.Floors[floor].Module, ours, r.Law.Floors[floor].Why)
			}
			for _, only := range r.Law.Tests {
				if within(path, only.Package) && !f.test && (only.But == "" || !within(f.path, only.But)) {
					t.report(f.path, line, "only tests may import %s: %s", path, only.Why)
				}
			}
		}
	}
}

func (l Floor) may(ours string) bool {
	return within(ours, l.Module) || slices.ContainsFunc(l.Below, func(allowed string) bool {
		if module, whole := strings.CutSuffix(allowed, "/…"); whole {
			return within(ours, module)
		}
		return ours == allowed
	})
}

// within reports whether a path is a folder, or in it.
func within(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (rest == "" || rest[0] == '/')
}
