package tidy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// load reads the files of the clone around dir: those that git tracks, and those that it would if they were added.
func load(ctx context.Context, dir string) ([]file, error) {
	top, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, err
	}
	root := strings.TrimSpace(top)
	list, err := git(ctx, root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return nil, err
	}
	var files []file
	for path := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, path))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, and not told to git yet
		}
		if err != nil {
			return nil, fmt.Errorf("read the tree: %w", err)
		}
		files = append(files, file{path: path, text: string(text)})
	}
	return files, nil
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // the arguments of load
	cmd.Dir = dir
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("git is missing: the house rules are about the files that git tracks")
	}
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s is not in a git clone, and the house rules are about the files that git tracks (git %s: %s)",
			dir, args[0], strings.TrimSpace(string(failed.Stderr)))
	}
	return string(out), err
}
