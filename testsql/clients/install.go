package clients

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// installTime bounds one installation.
const installTime = 20 * time.Minute

// installed is a directory of the cache that install has filled. Its name holds
// the checksum of what was asked for, and it appears only when it is complete.
func installed(t testing.TB, name, asked string, install func(ctx context.Context, dir string) error) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	parent := filepath.Join(cache, "metadb", "clients")
	sum := sha256.Sum256([]byte(asked))
	final := filepath.Join(parent, fmt.Sprintf("%s-%x", name, sum[:8]))
	if _, err := os.Stat(final); err == nil {
		return final
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	work, err := os.MkdirTemp(parent, "install-") //nolint:usetesting // it is renamed, which takes the same file system
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(work)
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	if err := install(ctx, work); err != nil {
		t.Fatalf("install %s: %v", name, err)
	}
	if err := os.Rename(work, final); err != nil {
		if _, there := os.Stat(final); there != nil { // another test process may have been quicker
			t.Fatal(err)
		}
	}
	return final
}

// command runs a program in a directory to its end.
func command(ctx context.Context, dir string, env []string, args ...string) error {
	if _, err := exec.LookPath(args[0]); err != nil {
		return fmt.Errorf("%s is needed for it: %w", args[0], err)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// python is a directory for PYTHONPATH with the packages of folder/requirements.txt.
func python(t testing.TB, folder string) string {
	t.Helper()
	list := filepath.Join(folder, "requirements.txt")
	asked := read(t, list)
	return installed(t, folder, asked, func(ctx context.Context, dir string) error {
		return command(ctx, "", nil, "python3", "-m", "pip", "install", "--quiet", "--no-deps", "--target", dir, "--requirement", list)
	})
}

// node is a directory with the node_modules of folder/package.json, at the versions
// of its lock file. A package that brings nothing but a program for each platform
// has none.
func node(t testing.TB, folder string) string {
	t.Helper()
	debian(t, "npm", "nodejs", "npm")
	asked := read(t, filepath.Join(folder, "package.json"))
	lock, err := os.ReadFile(filepath.Join(folder, "package-lock.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return installed(t, folder, asked+string(lock), func(ctx context.Context, dir string) error {
		how := "install"
		if len(lock) > 0 {
			how = "ci"
			if err := write(dir, "package-lock.json", string(lock)); err != nil {
				return err
			}
		}
		if err := write(dir, "package.json", asked); err != nil {
			return err
		}
		return command(ctx, dir, nil, "npm", how, "--no-audit", "--no-fund", "--loglevel=error")
	})
}

// java is a directory with the jars of folder/pom.xml.
func java(t testing.TB, folder string) string {
	t.Helper()
	debian(t, "javac", "openjdk-17-jdk-headless")
	debian(t, "mvn", "maven")
	pom := read(t, filepath.Join(folder, "pom.xml"))
	return installed(t, folder, pom, func(ctx context.Context, dir string) error {
		if err := write(dir, "pom.xml", pom); err != nil {
			return err
		}
		return command(ctx, dir, nil, "mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
			"-DoutputDirectory=.", "-DincludeScope=runtime")
	})
}

// goTool is the path of a program built from a Go module at a version.
func goTool(t testing.TB, name, tags, target string) string {
	t.Helper()
	dir := installed(t, name, tags+" "+target, func(ctx context.Context, dir string) error {
		return command(ctx, dir, []string{"GOBIN=" + dir, "GOFLAGS="}, "go", "install", "-tags", tags, target)
	})
	return filepath.Join(dir, name)
}

// debian makes sure of a program of Debian's packages, which only root may install.
func debian(t testing.TB, program string, packages ...string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Geteuid() != 0 {
		t.Fatalf("%s is needed: apt-get install %s", program, strings.Join(packages, " "))
	}
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages...)} {
		if err := command(ctx, "", env, append([]string{"apt-get"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
}
