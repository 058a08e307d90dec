package realkafka

import (
	"bufio"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

//go:embed *.pom.xml *.sha256
var lists embed.FS

// Sets of packages: NAME.pom.xml says which, NAME.sha256 which files they are.
const (
	kafka    = "kafka"
	debezium = "debezium"
)

// fetchTime bounds a download.
const fetchTime = 10 * time.Minute

// copyDependencies is the goal, with the plugin's version, that fetches packages.
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// packages returns the directory with the files of a set, fetching them if need be.
func packages(t testing.TB, set string) string {
	t.Helper()
	for program, install := range map[string]string{"java": "openjdk-17-jre-headless", "mvn": "maven"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not installed; the long tests with a real Kafka need it: apt-get install %s", program, install)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), fetchTime)
	defer cancel()
	dir, err := fetch(ctx, set)
	if err != nil {
		t.Fatalf("packages of %s: %v", set, err)
	}
	return dir
}

// fetch finds the files of a set in the cache, or has Maven put them there.  The
// directory's name holds the checksum of the list, so that another list is
// another directory, and it appears only when it is complete.
func fetch(ctx context.Context, set string) (string, error) {
	list, err := lists.ReadFile(set + ".sha256")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(list)
	parent := filepath.Join(cache, "metadb", "java")
	dir := filepath.Join(parent, fmt.Sprintf("%s-%x", set, sum[:8]))
	if check(dir, string(list)) == nil {
		return dir, nil
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(parent, "fetch-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	pom, err := lists.ReadFile(set + ".pom.xml")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(temp, "pom.xml"), pom, 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", copyDependencies, "-DoutputDirectory=lib", "-DincludeScope=runtime")
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mvn: %w: %s", err, out)
	}
	lib := filepath.Join(temp, "lib")
	if err := check(lib, string(list)); err != nil {
		return "", err
	}
	if err := os.Rename(lib, dir); err != nil && check(dir, string(list)) != nil { // another test process may have been quicker
		return "", errors.Join(err, os.RemoveAll(dir), os.Rename(lib, dir))
	}
	return dir, nil
}

// check demands that a directory holds exactly the files of a list.
func check(dir, list string) error {
	wanted := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(list)); lines.Scan(); {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok {
			return fmt.Errorf("malformed line %q", lines.Text())
		}
		wanted[name] = sum
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		got, err := checksum(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if wanted[e.Name()] != got {
			return fmt.Errorf("%s has the checksum %s, want %q", e.Name(), got, wanted[e.Name()])
		}
		delete(wanted, e.Name())
	}
	for name := range wanted {
		return fmt.Errorf("%s is missing", name)
	}
	return nil
}

func checksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
