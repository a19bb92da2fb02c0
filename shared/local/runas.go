package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// capDacReadSearch (capabilities(7)) lets a process enter directories that its user may not.
const capDacReadSearch = 2

// runAs is the user of a child; the zero value is this process's own.
type runAs struct {
	credential *syscall.Credential
	ambient    []uintptr
}

// serverUser chooses who runs Postgres, which refuses root: this process's user, or when that is root the owner of
// existing data, else postgres, else nobody.
func serverUser(data string) (runAs, error) {
	uid, gid, exists := owner(data)
	if os.Geteuid() != 0 {
		if exists && uid != os.Geteuid() {
			return runAs{}, fmt.Errorf("%s belongs to user id %d: start as that user or as root, or remove it", data, uid)
		}
		return runAs{}, nil
	}
	if exists && uid != 0 {
		return asUser(uid, gid), nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if err := errors.Join(errUID, errGID); err != nil {
			return runAs{}, fmt.Errorf("read the ids of user %s: %w", name, err)
		}
		return asUser(uid, gid), nil
	}
	return runAs{}, errors.New("Postgres refuses to run as root, and there is neither a user postgres nor a user nobody")
}

func asUser(uid, gid int) runAs {
	return runAs{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func owner(path string) (uid, gid int, exists bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}

// own gives path to the user.
func (u runAs) own(path string) error {
	if u.credential == nil {
		return nil
	}
	return os.Chown(path, int(u.credential.Uid), int(u.credential.Gid))
}

// openTo lets the user's group pass through dir, which stays ours.
func (u runAs) openTo(dir string) error {
	if u.credential == nil {
		return nil
	}
	return errors.Join(os.Chown(dir, -1, int(u.credential.Gid)), os.Chmod(dir, 0o710)) //nolint:gosec // passing, not reading
}

// reaching returns the user with what it needs to enter dir: nothing, or the capability to pass directories that are closed to it (a clone
// under root's 0700 home). false: even that is not permitted, as in most containers.
func (u runAs) reaching(ctx context.Context, dir string) (runAs, bool) {
	if u.enters(ctx, dir) {
		return u, true
	}
	if u.credential == nil {
		return u, false
	}
	u.ambient = []uintptr{capDacReadSearch}
	return u, u.enters(ctx, dir)
}

func (u runAs) enters(ctx context.Context, dir string) bool {
	return runTool(ctx, childSpec{
		name: "cd", path: "/bin/sh", args: []string{"-c", `cd -- "$0"`, dir}, dir: "/", user: u,
	}) == nil
}

// resolved is path without symbolic links, or path itself when it does not exist.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
