package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestUnknownKeys(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[main]\ndatabase = x\nsystemuser_pasword = y\n": `unknown key "systemuser_pasword" in metadb.conf (did you mean "systemuser_password"?)`,
		"[main]\ndatabase = x\nzzz = y\n":                `unknown key "zzz" in metadb.conf`,
		"host = y\n[main]\ndatabase = x\n":               `host in metadb.conf stands outside of section [main]`,
		"[main]\ndatabase = x\n[other]\nport = 1\n":      `port in metadb.conf stands outside of section [main]`,
	} {
		if _, err := readConf(writeConf(t, text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestKeysAreListed looks through the code for keys that are read and would be
// refused as unknown.
func TestKeysAreListed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := regexp.MustCompile(`(?:main\.(?:Key|HasKey)|\bget)\("(\w+)"`)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range read.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(confKeys(), m[1]) {
				t.Errorf("%s reads %s, which is not among confKeys", file, m[1])
			}
		}
	}
	if found < 8 {
		t.Errorf("found only %d keys", found)
	}
}

// TestKeysAreDocumented demands every key in docs/operations.md.
func TestKeysAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/command-line.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range confKeys() {
		if !strings.Contains(string(text), "`"+key+"`") {
			t.Errorf("docs/command-line.md does not have %s", key)
		}
	}
}

// TestEnvironmentOverrides reads settings that the file does not have, or has
// otherwise.
func TestEnvironmentOverrides(t *testing.T) {
	t.Setenv("METADB_HOST", "other")
	t.Setenv("METADB_SYSTEMUSER_PASSWORD", "it's; #secret")
	t.Setenv("METADB_SUPERUSER", "")
	c, err := readConf(writeConf(t, "[main]\nhost = db\ndatabase = x\nsystemuser_password = old\nsuperuser = root\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Host != "other" || c.SystemuserPassword != "it's; #secret" || c.Database != "x" || c.Superuser != "postgres" {
		t.Errorf("%+v", c)
	}
}
