package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tool says how a migration tool is run. Its folder holds migrations: the first makes
// a table, a data source and alters it; the second fails in its middle, behind
// statements of both kinds, and is repaired before the third try.
type tool struct {
	folder string
	// prepare installs the tool and returns the commands that migrate up and
	// down, in a copy of the folder.
	prepare func(t *testing.T, p place, dir string) steps
}

// steps are a tool's commands.
type steps struct {
	up, down []string
	env      []string
}

// TestMigrations migrates up, into a migration that fails, up again after it was
// repaired, and down. A migration that fails leaves nothing, and the tool tells the
// server's error.
func TestMigrations(t *testing.T) {
	long(t)
	t.Parallel()
	for _, tool := range tools() {
		t.Run(tool.folder, func(t *testing.T) {
			t.Parallel()
			p, _ := places(t)
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(tool.folder)); err != nil {
				t.Fatal(err)
			}
			s := tool.prepare(t, p, dir)
			env := append(p.env(), s.env...)
			out, err := run(t, dir, env, s.up...)
			if err == nil {
				t.Errorf("the second migration did not fail:\n%s", out)
			}
			if !strings.Contains(out, `invalid option "topisc"`) {
				t.Errorf("the tool does not tell the error:\n%s", out)
			}
			if got, want := state(t, p), "shop=^shop2 one=true two=false"; got != want {
				t.Errorf("after a migration that failed: %s, want %s\n%s", got, want, out)
			}
			repair(t, dir)
			if out, err = run(t, dir, env, s.up...); err != nil {
				t.Errorf("up: %v\n%s", err, out)
			}
			if got, want := state(t, p), "more=^more,shop=^shop3 one=true two=true"; got != want {
				t.Errorf("after the repair: %s, want %s\n%s", got, want, out)
			}
			if out, err = run(t, dir, env, s.down...); err != nil {
				t.Errorf("down: %v\n%s", err, out)
			}
			if got, want := state(t, p), "- one=false two=false"; got != want {
				t.Errorf("after the way down: %s, want %s\n%s", got, want, out)
			}
		})
	}
}

// state is what the migrations have made: sources with their topics, and tables.
func state(t *testing.T, p place) string {
	t.Helper()
	return p.query(t, `SELECT coalesce((SELECT string_agg(name || '=' || topics, ',' ORDER BY name) FROM metadb.data_sources), '-')
		|| ' one=' || (to_regclass('public.one') IS NOT NULL) || ' two=' || (to_regclass('public.two') IS NOT NULL)`)
}

// repair corrects the mistake in the second migration.
func repair(t *testing.T, dir string) {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "topisc") {
			return err
		}
		found = true
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "topisc", "topics")), 0o600)
	})
	if err != nil || !found {
		t.Fatalf("no mistake to repair: %v", err)
	}
}

func tools() []tool {
	return []tool{
		{"goose", func(t *testing.T, p place, _ string) steps {
			goose := goTool(t, "goose", "no_ydb no_clickhouse no_mssql no_mysql no_sqlite3 no_vertica no_libsql no_starrocks", "github.com/pressly/goose/v3/cmd/goose@v3.29.0")
			words := []string{goose, "postgres", p.URL("postgres")}
			return steps{up: append(words, "up"), down: []string{goose, "postgres", p.URL("postgres"), "down-to", "0"}}
		}},
		{"tern", func(t *testing.T, p place, _ string) steps {
			tern := goTool(t, "tern", "", "github.com/jackc/tern/v2@v2.3.4")
			words := func(to string) []string {
				return []string{tern, "migrate", "--migrations", ".", "--conn-string", p.URL("postgres"), "--destination", to}
			}
			return steps{up: words("last"), down: words("0")}
		}},
		{"golang-migrate", func(t *testing.T, p place, _ string) steps {
			migrate := goTool(t, "migrate", "postgres pgx5", "github.com/golang-migrate/migrate/v4/cmd/migrate@v4.20.1")
			words := func(do string) []string {
				// A failed migration leaves the mark "dirty", as with any PostgreSQL; force takes it away.
				script := fmt.Sprintf(`"$0" -path . -database "$1" version 2>&1 | grep -q dirty && "$0" -path . -database "$1" force 1; "$0" -path . -database "$1" %s`, do)
				return []string{"sh", "-c", script, migrate, p.URL("pgx5")}
			}
			return steps{up: words("up"), down: words("down -all")}
		}},
		{"dbmate", func(t *testing.T, p place, _ string) steps {
			dbmate := filepath.Join(node(t, "dbmate"), "node_modules", ".bin", "dbmate")
			words := []string{dbmate, "--url", p.URL("postgres"), "--migrations-dir", ".", "--no-dump-schema"}
			return steps{
				up:   append(append([]string{}, words...), "migrate"),
				down: []string{"sh", "-c", `"$@" rollback && "$@" rollback`, "sh", words[0], words[1], words[2], words[3], words[4], words[5]},
			}
		}},
		{"alembic", func(t *testing.T, _ place, _ string) steps {
			packages := python(t, "alembic")
			words := []string{"python3", "-m", "alembic", "-c", "alembic.ini"}
			return steps{up: append(append([]string{}, words...), "upgrade", "head"), down: append(append([]string{}, words...), "downgrade", "base"), env: []string{"PYTHONPATH=" + packages}}
		}},
		{"flyway", javaTool("Migrate.java")},
		{"liquibase", javaTool("Migrate.java")},
		{"node-pg-migrate", func(t *testing.T, p place, dir string) steps {
			modules := filepath.Join(node(t, "node-pg-migrate"), "node_modules")
			if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			words := func(args ...string) []string {
				return append([]string{"node", filepath.Join("node_modules", ".bin", "node-pg-migrate"), "--migrations-dir", "migrations", "--no-single-transaction"}, args...)
			}
			return steps{up: words("up"), down: words("down", "2"), env: []string{"DATABASE_URL=" + p.URL("postgres")}}
		}},
		{"sqitch", func(t *testing.T, p place, _ string) steps {
			debian(t, "sqitch", "sqitch", "libdbd-pg-perl")
			target := "db:" + p.URL("pg")
			return steps{
				up: []string{"sqitch", "deploy", target}, down: []string{"sqitch", "revert", "-y", target},
				env: []string{"SQITCH_FULLNAME=Tester", "SQITCH_EMAIL=tester@localhost", "TZ=UTC"},
			}
		}},
	}
}

// javaTool runs a tool that is a library, by a small program in its folder.
func javaTool(program string) func(t *testing.T, p place, dir string) steps {
	return func(t *testing.T, p place, dir string) steps {
		jars := java(t, filepath.Base(filepath.Clean(t.Name())))
		words := func(do string) []string {
			return []string{"java", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(jars, "*"), filepath.Join(dir, program), do}
		}
		return steps{up: words("up"), down: words("down"), env: []string{"JDBC_URL=" + p.jdbc()}}
	}
}
