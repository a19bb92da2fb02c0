package config

import (
	"errors"
	"io/fs"
	"os"

	"github.com/tillseal/tillseal/shared/fault"
)

// forOthers are the rights of a file's group and of everybody.
const forOthers fs.FileMode = 0o077

// CheckSecretFile returns what is wrong with the file that a variable names: it must be a regular file to which nobody but its owner has any
// right. The error never shows the path: somebody may have set the variable to the secret itself.
func CheckSecretFile(variable, path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fault.New(fault.Invalid, "%s can't be read: %w", variable, withoutPath(err))
	case !info.Mode().IsRegular():
		return fault.New(fault.Invalid, "%s is not a regular file", variable)
	case info.Mode().Perm()&forOthers != 0:
		return fault.New(fault.Invalid, "%s has mode %04o, so others can read it: chmod 600", variable, info.Mode().Perm())
	}
	return nil
}

// ReadSecretFile reads the file that a variable names, if it passes CheckSecretFile.
func ReadSecretFile(variable, path string) ([]byte, error) {
	if err := CheckSecretFile(variable, path); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s can't be read: %w", variable, withoutPath(err))
	}
	return content, nil
}

func withoutPath(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return at.Err
	}
	return err
}
