package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFile bounds the size of a secret's file in bytes: bundles of certificates
// are the longest.
const maxFile = 1 << 20

// Store reads secrets. The zero Store has no directory.
type Store struct {
	dir    string
	sealer *Sealer
}

// NewStore returns a Store whose files lie in dir. The directory need not be there
// before the first file is read.
func NewStore(dir string) Store { return Store{dir: dir} }

// Sealed returns a Store that opens what the Sealer has sealed, too.
func (s Store) Sealed(by *Sealer) Store {
	s.sealer = by
	return s
}

// Resolve returns the secret that r stands for. It is read anew by each call, so
// that a secret may be changed while the server runs. One line break at the end
// of a file is no part of the secret. Errors name the reference, never a secret.
func (s Store) Resolve(r Reference) (string, error) {
	if strings.HasPrefix(string(r), sealPrefix) {
		return s.sealer.open(string(r))
	}
	if !r.outside() {
		return string(r), nil
	}
	if name, ok := strings.CutPrefix(string(r), filePrefix); ok {
		text, err := s.File(name)
		return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), err
	}
	name := strings.TrimPrefix(string(r), envPrefix)
	if !strings.HasPrefix(name, Variables) {
		return "", fmt.Errorf("variable %q: only variables whose names begin with %s can be secrets", name, Variables)
	}
	value, ok := os.LookupEnv(name)
	if !ok {
		return "", fmt.Errorf("variable %s is not in the environment of the server", name)
	}
	return value, nil
}

// File reads a file of the directory. Neither its name nor a link leads out of it.
func (s Store) File(name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if s.dir == "" {
		return nil, fmt.Errorf("secret file %q: the server has no directory of secrets", name)
	}
	text, err := s.read(name)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, fmt.Errorf("file %q of the directory of secrets: %w", name, err)
	}
	return text, nil
}

// checkName refuses names that lead out of the directory.
func checkName(name string) error {
	if !filepath.IsLocal(name) || slices.Contains(strings.Split(filepath.ToSlash(name), "/"), "..") {
		return fmt.Errorf("secret file %q: files are named relative to the directory of secrets, without \"..\"", name)
	}
	return nil
}

func (s Store) read(name string) ([]byte, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, errors.New("is not a regular file")
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return text, err
}
