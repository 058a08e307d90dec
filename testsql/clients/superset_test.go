package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"metadb/testsql/poll"
)

// Bounds of Superset, which takes its time.
const (
	supersetStart = 5 * time.Minute
	supersetPause = 200 * time.Millisecond
)

// supersetConfig is Superset's own configuration, for a machine that nobody else
// reaches.
const supersetConfig = `SECRET_KEY = %q
SQLALCHEMY_DATABASE_URI = "sqlite:///%s"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
`

// TestSuperset does what a person does: a database is added, its tables looked at,
// a query and a chart run, as against PostgreSQL itself; then Metadb's statements
// are run in SQL Lab.
func TestSuperset(t *testing.T) {
	if os.Getenv("METADB_TEST_BI") == "" {
		t.Skip("installs Apache Superset, 800 MB; set METADB_TEST_BI")
	}
	t.Parallel()
	through, direct := places(t)
	s := startSuperset(t)
	for _, p := range []place{through, direct} {
		p.exec(t, "CREATE TABLE sale (id integer PRIMARY KEY, city text, amount numeric)")
		p.exec(t, "INSERT INTO sale SELECT i, 'c' || i % 3, i FROM generate_series(1, 100) AS i")
	}
	same(t, "what Superset shows", s.look("direct", direct), s.look("through", through))

	reading, admin := s.database("reading", through, "{}"), s.database("admin", through, `{"engine_params": {"isolation_level": "AUTOCOMMIT"}}`)
	const create = "CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers '127.0.0.1:1', topics '^shop')"
	sources := func() string {
		return through.query(t, "SELECT coalesce(string_agg(name || '=' || topics, ','), '-') FROM metadb.data_sources")
	}
	// Superset commits only what it knows to write: the reason for a second entry.
	s.sql(reading, create)
	if got := sources(); got != "-" {
		t.Errorf("through the entry for reading: %s", got)
	}
	s.sql(admin, create)
	s.sql(admin, "ALTER DATA SOURCE shop OPTIONS (SET topics '^other')")
	if got := sources(); got != "shop=^other" {
		t.Errorf("through the entry with AUTOCOMMIT: %s", got)
	}
	for _, ask := range []string{"LIST status", "LIST data_sources", "SELECT * FROM metadb.status"} {
		if got := s.sql(reading, ask); !strings.Contains(got, `"name":"shop"`) {
			t.Errorf("%s: %s", ask, got)
		}
	}
	if got := s.sql(admin, "CREATE DATA SOURCE x TYPE kafka OPTIONS (topisc 'b')"); !strings.Contains(got, "invalid option") || !strings.Contains(got, "Did you mean") {
		t.Errorf("the error does not come through: %s", got)
	}
	s.sql(admin, "DROP DATA SOURCE shop")
	if got := sources(); got != "-" {
		t.Errorf("after the drop: %s", got)
	}
}

// superset is a running Superset and somebody signed in.
type superset struct {
	t     *testing.T
	base  string
	token string
}

func startSuperset(t *testing.T) *superset {
	t.Helper()
	list := filepath.Join("superset", "requirements.txt")
	packages := installed(t, "superset", read(t, list), func(ctx context.Context, dir string) error {
		return command(ctx, "", nil, "python3", "-m", "pip", "install", "--quiet", "--target", dir, "--requirement", list)
	})
	home := t.TempDir()
	if err := write(home, "superset_config.py", fmt.Sprintf(supersetConfig, "a key of at least 32 bytes, only for this test", filepath.Join(home, "superset.db"))); err != nil {
		t.Fatal(err)
	}
	env := []string{"PYTHONPATH=" + packages, "SUPERSET_CONFIG_PATH=" + filepath.Join(home, "superset_config.py"), "SUPERSET_HOME=" + home, "FLASK_APP=superset", "PYTHONUTF8=1"}
	words := []string{"python3", filepath.Join(packages, "bin", "superset")}
	for _, args := range [][]string{
		{"db", "upgrade"},
		{"fab", "create-admin", "--username", "admin", "--firstname", "A", "--lastname", "B", "--email", "admin@localhost", "--password", "admin"},
		{"init"},
	} {
		if out, err := run(t, home, env, append(append([]string{}, words...), args...)...); err != nil {
			t.Fatalf("superset %s: %v\n%s", args[0], err, out)
		}
	}
	port := freePort(t)
	log := &bytes.Buffer{}
	cmd := exec.Command(words[0], words[1], "run", "-h", "127.0.0.1", "-p", port, "--with-threads") // ended below
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = home, append(os.Environ(), env...), log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Superset's log:\n%s", log)
		}
	})
	s := &superset{t: t, base: "http://127.0.0.1:" + port}
	var failed error
	if !poll.Until(t.Context(), supersetPause, supersetStart, func() bool {
		answer, err := http.Get(s.base + "/health")
		if err == nil {
			_ = answer.Body.Close()
		}
		failed = err
		return err == nil
	}) {
		t.Fatalf("Superset does not answer: %v", failed)
	}
	var session struct {
		Token string `json:"access_token"`
	}
	s.decode(s.call("POST", "security/login", map[string]any{"username": "admin", "password": "admin", "provider": "db", "refresh": true}), &session)
	s.token = session.Token
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}

// call sends a request of Superset's interface and returns the answer, also where
// it is an error.
func (s *superset) call(method, path string, body any) string {
	s.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.base+"/api/v1/"+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if s.token != "" {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	out, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(out)
}

func (s *superset) decode(text string, into any) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		s.t.Fatalf("%v: %s", err, text)
	}
}

// database adds a database and returns its number.
func (s *superset) database(name string, p place, extra string) int {
	s.t.Helper()
	uri := p.URL("postgresql+psycopg2")
	if out := s.call("POST", "database/test_connection/", map[string]any{"sqlalchemy_uri": uri, "database_name": name, "extra": extra}); !strings.Contains(out, "OK") {
		s.t.Fatalf("test of the connection: %s", out)
	}
	var made struct{ ID int }
	out := s.call("POST", "database/", map[string]any{"sqlalchemy_uri": uri, "database_name": name, "extra": extra, "expose_in_sqllab": true, "allow_dml": true})
	if s.decode(out, &made); made.ID == 0 {
		s.t.Fatalf("no database: %s", out)
	}
	return made.ID
}

// sql runs a text in SQL Lab and returns its rows, or the error, as JSON.
func (s *superset) sql(database int, text string) string {
	s.t.Helper()
	var answer struct {
		Data   json.RawMessage
		Errors json.RawMessage
	}
	out := s.call("POST", "sqllab/execute/", map[string]any{"database_id": database, "sql": text, "schema": "public", "runAsync": false, "queryLimit": 1000})
	if s.decode(out, &answer); len(answer.Data) > 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, answer.Data); err != nil {
			s.t.Fatal(err)
		}
		return compact.String()
	}
	return out
}

// look does what a person does with a new database, and returns what Superset says.
func (s *superset) look(name string, p place) string {
	s.t.Helper()
	id := s.database(name, p, "{}")
	var schemas struct{ Result []string }
	var tables, about struct {
		Result  json.RawMessage
		Columns json.RawMessage
		Indexes json.RawMessage
	}
	s.decode(s.call("GET", fmt.Sprintf("database/%d/schemas/", id), nil), &schemas)
	s.decode(s.call("GET", fmt.Sprintf("database/%d/tables/?q=(force:!t,schema_name:public)", id), nil), &tables)
	s.decode(s.call("GET", fmt.Sprintf("database/%d/table_metadata/?name=sale&schema=public", id), nil), &about)
	names := slices.DeleteFunc(schemas.Result, func(name string) bool { return name == "metadb" })
	all := strings.Join([]string{strings.Join(names, " "), string(tables.Result), string(about.Columns), string(about.Indexes)}, "\n")
	for _, sql := range []string{"SELECT city, sum(amount) AS total FROM sale GROUP BY city ORDER BY city", "SELECT 1/0", "SELECT id FROM sale ORDER BY id"} {
		var answer struct {
			Data, Columns json.RawMessage
			Errors        []struct{ Message string }
		}
		s.decode(s.call("POST", "sqllab/execute/", map[string]any{"database_id": id, "sql": sql, "schema": "public", "runAsync": false, "queryLimit": 1000}), &answer)
		all += fmt.Sprintf("\n%s %s %v", answer.Data, answer.Columns, answer.Errors)
	}
	var set struct{ ID int }
	s.decode(s.call("POST", "dataset/", map[string]any{"database": id, "schema": "public", "table_name": "sale"}), &set)
	var chart struct {
		Result []struct {
			Data  json.RawMessage
			Query string
		}
	}
	s.decode(s.call("POST", "chart/data", map[string]any{
		"datasource": map[string]any{"id": set.ID, "type": "table"}, "force": true,
		"queries": []any{map[string]any{"columns": []string{"city"}, "metrics": []any{
			map[string]any{"expressionType": "SQL", "sqlExpression": "SUM(amount)", "label": "total"},
		}, "orderby": []any{[]any{"city", true}}, "row_limit": 10}},
	}), &chart)
	if len(chart.Result) != 1 || len(chart.Result[0].Data) < 10 {
		s.t.Errorf("%s: no chart: %+v", name, chart)
	}
	// On SQLite Superset takes a name once only, whatever the database.
	s.call("DELETE", fmt.Sprintf("dataset/%d", set.ID), nil)
	return all + fmt.Sprintf("\n%s", chart.Result)
}
