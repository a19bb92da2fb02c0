// Package durable replaces files so that neither a crash of the process nor a power cut leaves half of one.
package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile replaces the file at path as a whole: after a crash it holds the old content or the new, and once WriteFile has returned
// without an error it holds the new one, since both the file and the directory's entry are on disk by then (google/renameio leaves out
// the latter). mode, less the umask, is the new file's, whatever the old one had. One writer for a path at a time: the new content is in
// path.new until it is complete.
func WriteFile(path string, content []byte, mode fs.FileMode) error {
	if err := replace(path, content, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func replace(path string, content []byte, mode fs.FileMode) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // a crash left it, perhaps with another mode
		return err
	}
	if err := write(fresh, content, mode); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return syncDir(filepath.Dir(path))
}

// CreateFile makes the file at path as a whole, as WriteFile does, or fails with fs.ErrExist when there is one: of many writers at once
// exactly one makes it. A crash may leave the new content beside it, in path.new with a random ending.
func CreateFile(path string, content []byte, mode fs.FileMode) error {
	fresh := path + ".new" + rand.Text()
	err := write(fresh, content, mode)
	if err == nil {
		err = errors.Join(os.Link(fresh, path), os.Remove(fresh)) // a link, unlike a rename, replaces nothing
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// write makes a file that must not be there, and has its content on disk when it returns; after an error there is none.
func write(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
