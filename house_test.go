// Package metadb_test checks the rules of the house: which room may import
// which, and what every file has to look like.
package metadb_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "metadb"

// arrows says which rooms a room's code may import; its own packages it always
// may.  A room that is not named here may not exist.
func arrows() map[string][]string {
	return map[string][]string{
		"cmd":       {"console", "streamer", "debezium", "warehouse", "catalog", "change", "pgwire", "parser"},
		"console":   {"catalog"},
		"streamer":  {"debezium", "warehouse", "catalog", "change"},
		"debezium":  {"change"},
		"warehouse": {"catalog", "change"},
		"catalog":   {},
		"change":    {},
		"pgwire":    {},
		"parser":    {},
		"testsql":   {"cmd", "console", "streamer", "debezium", "warehouse", "catalog", "change", "pgwire", "parser"},
	}
}

// goPackage is what "go list" tells.
type goPackage struct {
	ImportPath, Dir, Name, Doc string
	GoFiles, Imports           []string
}

// room is the first part of a package's path in the module.
func (p goPackage) room() string { return roomOf(p.ImportPath) }

// roomOf is "" for packages of others.
func roomOf(importPath string) string {
	rest, ours := strings.CutPrefix(importPath, module+"/")
	if !ours {
		return ""
	}
	room, _, _ := strings.Cut(rest, "/")
	return room
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Name,Doc,GoFiles,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			list = append(list, p)
		}
	}
}

func TestArrowsPointDown(t *testing.T) {
	t.Parallel()
	allowed := arrows()
	for _, p := range packages(t) {
		may, known := allowed[p.room()]
		if !known {
			t.Errorf("%s: no such room in the design; draw it first", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			room := roomOf(imported)
			if room != "" && room != p.room() && !slices.Contains(may, room) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

func TestArrowsHaveNoCircle(t *testing.T) {
	t.Parallel()
	allowed := arrows()
	for room, list := range allowed {
		for _, below := range list {
			if slices.Contains(allowed[below], room) {
				t.Errorf("%s and %s may import each other", room, below)
			}
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	vague := regexp.MustCompile(`^(utils?|helpers?|common|misc|lib|internal|base|shared)$`)
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		if vague.MatchString(p.Name) {
			t.Errorf("%s: the name says nothing", p.ImportPath)
		}
	}
}

// maxLines is the length at which a file is split.
const maxLines = 300

func TestGoFiles(t *testing.T) {
	t.Parallel()
	generated := regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	todo := "context." + "TODO("
	for path, text := range files(t) {
		if filepath.Ext(path) != ".go" {
			continue
		}
		if lines := bytes.Count(text, []byte("\n")); lines > maxLines && !generated.Match(text) {
			t.Errorf("%s has %d lines", path, lines)
		}
		if bytes.Contains(text, []byte(todo)) {
			t.Errorf("%s uses %s)", path, todo)
		}
	}
}

// TestNoPathsOfAMachine looks for directories that only its writer has.
func TestNoPathsOfAMachine(t *testing.T) {
	t.Parallel()
	machine := regexp.MustCompile(`(^|[^\w.:/])/(wor[k]|far[m]|roo[t]|hom[e]/\w+|User[s]/\w+)/`)
	for path, text := range files(t) {
		for i, line := range bytes.Split(text, []byte("\n")) {
			if machine.Match(line) {
				t.Errorf("%s:%d: %s", path, i+1, line)
			}
		}
	}
}

// files reads the text files of the project, recordings left out.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path != "." && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".ci" || path == "bin" {
				return fs.SkipDir
			}
			return nil
		}
		recorded := strings.HasPrefix(path, filepath.Join("testsql", "captures")) || strings.HasPrefix(path, filepath.Join("testsql", "oracle"))
		if recorded && filepath.Ext(path) != ".go" || !entry.Type().IsRegular() || path == ".git" { // a file in further work trees
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Contains(text, []byte{0}) {
			found[path] = text
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
