package localpg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// tempPrefix starts the name of each directory made for a server.
const tempPrefix = "metadb-pg-"

// maxSocketDir keeps the path of the socket below what the kernel takes.
const maxSocketDir = 80

// directory is the place of one server: its data, its socket and a lock that
// says that its owner lives.
type directory struct {
	root string
	temp bool // made here, to be removed at the end
	lock *os.File
}

func (d *directory) data() string { return filepath.Join(d.root, "data") }

// socket returns the directory of the Unix socket, "" when its path would be
// too long for one.
func (d *directory) socket() string {
	dir := filepath.Join(d.root, "run")
	if len(dir) > maxSocketDir {
		return ""
	}
	return dir
}

// openDirectory makes the place of a server in dir, or in a new temporary
// directory when dir is empty.
func openDirectory(dir string, acct *account) (*directory, error) {
	d := &directory{root: dir}
	if dir == "" {
		base, err := tempBase(acct)
		if err != nil {
			return nil, err
		}
		removeAbandoned(base)
		if d.root, err = os.MkdirTemp(base, tempPrefix); err != nil {
			return nil, err
		}
		d.temp = true
	} else {
		root, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(root, 0o755); err != nil {
			return nil, err
		}
		d.root = root
	}
	if err := d.prepare(acct); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// prepare locks the place and gives it to the account.
func (d *directory) prepare(acct *account) error {
	lock, err := takeLock(filepath.Join(d.root, "lock"))
	if err != nil {
		return fmt.Errorf("directory %s is in use: %w", d.root, err)
	}
	d.lock = lock
	if err := acct.own(d.root); err != nil {
		return err
	}
	if blocked, ok := acct.reaches(d.root); !ok {
		return fmt.Errorf("user %s cannot enter %s (needed for %s)", acct.name, blocked, d.root)
	}
	for _, sub := range []string{d.data(), filepath.Join(d.root, "run")} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return err
		}
		if err := acct.own(sub); err != nil {
			return err
		}
	}
	return nil
}

// close releases the lock and removes a temporary place.
func (d *directory) close() error {
	var err error
	if d.temp {
		err = os.RemoveAll(d.root)
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
		d.lock = nil
	}
	return err
}

// tempBase finds a temporary directory that the account can enter; root's own
// may be closed to others.
func tempBase(acct *account) (string, error) {
	for _, base := range []string{os.TempDir(), "/var/tmp", "/tmp"} {
		if _, ok := acct.reaches(base); ok {
			return base, nil
		}
	}
	return "", fmt.Errorf("no temporary directory that user %s can enter", acct.name)
}

// removeAbandoned clears places whose owner was killed before it could.  The
// lock is free exactly when the owner is gone.
func removeAbandoned(base string) {
	dirs, err := filepath.Glob(filepath.Join(base, tempPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if isNew(dir) {
			continue
		}
		lock, err := takeLock(filepath.Join(dir, "lock"))
		if err != nil {
			continue
		}
		if !postmasterAlive(filepath.Join(dir, "data")) {
			_ = os.RemoveAll(dir) // not ours to report: the next start tries again
		}
		_ = lock.Close()
	}
}

// isNew says that a place may be about to get its owner's lock, which it has before it has
// data.
func isNew(dir string) bool {
	if _, err := os.Lstat(filepath.Join(dir, "data")); err == nil {
		return false
	}
	info, err := os.Lstat(dir)
	return err != nil || time.Since(info.ModTime()) < time.Minute
}

// takeLock locks a file for this process, and fails when another holds it.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// initialised says whether the data directory already holds a cluster.
func (d *directory) initialised() (bool, error) {
	_, err := os.Stat(filepath.Join(d.data(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
