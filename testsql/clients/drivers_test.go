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
	// modes are words for the programme, one run each.
	modes []string
	// prepare installs what is needed and returns the words to run and the
	// environment.
	prepare func(t testing.TB, folder string) (args, env []string)
}

func pythonProgram(t testing.TB, folder string) (args, env []string) {
	return []string{"python3", filepath.Join(folder, "program.py")}, []string{"PYTHONPATH=" + python(t, folder)}
}

func drivers() []driver {
	return []driver{
		{"psycopg3", []string{""}, pythonProgram},
		{"psycopg2", []string{""}, pythonProgram},
		{"asyncpg", []string{""}, pythonProgram},
		{"sqlalchemy", []string{""}, pythonProgram},
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
				name := "own.out"
				if mode != "" {
					name = mode + ".out"
				}
				compare(t, filepath.Join(d.folder, name), program(through, "own"))
			}
		})
	}
}
