// Package repofile reads the repository's own files for programs that are started somewhere in it.
package repofile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tillseal/tillseal/shared/fault"
)

// Read returns a file of the repository by its path there. It searches from the working directory upwards; a file that it does not find
// is Invalid.
func Read(path string) ([]byte, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
		above := filepath.Dir(dir)
		if above == dir {
			return nil, fault.New(fault.Invalid, "%s was not found: run this in Tillseal's repository", path)
		}
		dir = above
	}
}
