package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Names of the files of a data directory.
const (
	confFile = "metadb.conf"
	pidFile  = "metadb.pid"
	// secretsDir is where secrets_directory of metadb.conf is unless set.
	secretsDir = "secrets"
)

// dataDir checks the -D flag and returns the directory's absolute path.
func dataDir(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("data directory not specified")
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return "", fmt.Errorf("data directory not found: %s", dir)
	}
	return filepath.Abs(dir)
}

// pidLock is the pid file of a running server. The kernel holds the lock for the
// life of the process, so a file left behind by one that died blocks nobody.
type pidLock struct {
	file *os.File
	path string
}

// lockPID takes the pid file of a data directory. It fails when a server has it.
func lockPID(dir string) (*pidLock, error) {
	path := filepath.Join(dir, pidFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	locked := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
	pid, err := readPID(f)
	if !locked || (err == nil && pid != os.Getpid() && isMetadb(pid)) {
		_ = f.Close()
		return nil, &lockedError{path, pid}
	}
	if err := f.Truncate(0); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write lock file: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write lock file: %w", err)
	}
	return &pidLock{file: f, path: path}, nil
}

// lockedError says that another process has the pid file.
type lockedError struct {
	path string
	pid  int
}

// Error is the text of Metadb 1.4.
func (e *lockedError) Error() string {
	return fmt.Sprintf("lock file %q already exists and server (PID %d) appears to be running", e.path, e.pid)
}

// release removes the file and gives the lock back.
func (l *pidLock) release() {
	_ = os.Remove(l.path)
	_ = l.file.Close()
}

// readPID reads the process id that a pid file holds.
func readPID(f *os.File) (int, error) {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 64))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// isMetadb says whether a process is alive and called metadb: the 1.4 binary does
// not lock its pid file.
func isMetadb(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
	return err == nil && strings.TrimSpace(string(name)) == "metadb"
}

// runningPID returns the process that serves a data directory; 0 for none.
func runningPID(dir string) (int, error) {
	f, err := os.Open(filepath.Join(dir, pidFile))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("open lock file: %w", err)
	}
	defer f.Close()
	pid, err := readPID(f)
	if err != nil {
		return 0, fmt.Errorf("reading lock file %q: expected integer", f.Name())
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil && !isMetadb(pid) {
		return 0, nil
	}
	return pid, nil
}
