package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const bufferBytes = 64 << 10

// output is where an export goes: standard output, or a file that stands under its name only when it is whole.
type output struct {
	*bufio.Writer

	path  string   // "" for standard output
	force bool     // replaces a file that is there
	fresh *os.File // beside path, until keep
}

func newOutput(path string, force bool, stdout io.Writer) (*output, error) {
	if path == "" {
		return &output{Writer: bufio.NewWriterSize(stdout, bufferBytes)}, nil
	}
	if _, err := os.Lstat(path); err == nil && !force {
		return nil, exists(path)
	}
	fresh, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".unfinished-*") // nobody else's to read: it has customers
	if err != nil {
		return nil, fmt.Errorf("-out: %w", err)
	}
	return &output{bufio.NewWriterSize(fresh, bufferBytes), path, force, fresh}, nil
}

func exists(path string) error {
	return fmt.Errorf("-out: %s is there already: name another file, or replace it with -force", path)
}

// keep ends an export that is whole.
func (o *output) keep() error {
	err := o.Flush()
	if o.fresh == nil {
		return err
	}
	if err = errors.Join(err, o.fresh.Sync(), o.fresh.Close()); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	if o.force {
		err = os.Rename(o.fresh.Name(), o.path)
	} else if err = os.Link(o.fresh.Name(), o.path); errors.Is(err, fs.ErrExist) { // a link, unlike a rename, replaces nothing
		return exists(o.path)
	}
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	return nil
}

// drop leaves nothing behind but what was kept.
func (o *output) drop() {
	if o.fresh != nil {
		_ = o.fresh.Close()
		_ = os.Remove(o.fresh.Name()) // it is gone when it was renamed
	}
}
