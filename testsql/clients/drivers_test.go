package clients

import (
	"path/filepath"
	"strings"
	"testing"
)

// driver says how the programme of a driver is run.
type driver struct {
	// folder holds the programme.
	folder string
	// modes are words for the programme, one run each; the answers must be the same.
	modes []string
	// prepare installs what is needed and returns the words to run and the
	// environment.
	prepare func(t testing.TB, folder string) (args, env []string)
}

func pythonProgram(t testing.TB, folder string) (args, env []string) {
	return []string{"python3", filepath.Join(folder, "program.py")}, []string{"PYTHONPATH=" + python(t, folder)}
}

func nodeProgram(t testing.TB, folder string) (args, env []string) {
	return []string{"node", filepath.Join(folder, "program.mjs")}, []string{"NODE_MODULES=" + node(t, folder)}
}

// javaProgram compiles the programme once for all of its runs.
func javaProgram(t testing.TB, folder string) (args, env []string) {
	jars := filepath.Join(java(t, folder), "*")
	classes := t.TempDir()
	if err := command(t.Context(), "", nil, "javac", "-encoding", "UTF-8", "-cp", jars, "-d", classes, filepath.Join(folder, "Program.java")); err != nil {
		t.Fatal(err)
	}
	return []string{"java", "-XX:TieredStopAtLevel=1", "-cp", classes + string(filepath.ListSeparator) + jars, "Program"}, nil
}

func drivers() []driver {
	return []driver{
		{"psycopg3", []string{""}, pythonProgram},
		{"psycopg2", []string{""}, pythonProgram},
		{"asyncpg", []string{""}, pythonProgram},
		{"sqlalchemy", []string{""}, pythonProgram},
		{"node-postgres", []string{""}, nodeProgram},
		{"pgjdbc", []string{"extended", "simple", "extendedForPrepared", "extendedCacheEverything"}, javaProgram},
	}
}

// TestDrivers runs each driver's programme: what plain SQL prints must not differ
// from PostgreSQL, and what Metadb's statements print is in own.out.
func TestDrivers(t *testing.T) {
	long(t)
	t.Parallel()
	for _, d := range drivers() {
		t.Run(d.folder, func(t *testing.T) {
			t.Parallel()
			args, env := d.prepare(t, d.folder)
			for _, mode := range d.modes {
				through, direct := places(t)
				program := func(p place, what string) string {
					words := append(append([]string{}, args...), what)
					if mode != "" {
						words = append(words, mode)
					}
					out, err := run(t, "", append(p.env(), env...), words...)
					if err != nil || !strings.HasSuffix(out, "done:\n") {
						t.Errorf("%s %s: %v:\n%s", what, mode, err, out)
					}
					return out
				}
				same(t, "plain "+mode, program(direct, "plain"), program(through, "plain"))
				compare(t, filepath.Join(d.folder, "own.out"), program(through, "own"))
			}
		})
	}
}
