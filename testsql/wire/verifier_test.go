package wire

import (
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"metadb/parser"
	"metadb/testsql/pgtest"
	"metadb/testsql/psql"
)

// TestVerifier signs in with passwords of which PostgreSQL got only the verifiers.
func TestVerifier(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	conn := db.Conn(t)
	role := "verified_" + db.Name
	if _, err := conn.Exec(t.Context(), "CREATE ROLE "+pgx.Identifier{role}.Sanitize()+" LOGIN"); err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"secret", "with ' quote, \\ and = $ :", "ÄöÜ ½ ﬁ \u00a0 x\u00adx", "\u0627a", strings.Repeat("long ", 100)} {
		verifier, err := parser.Verifier(password)
		if err != nil {
			t.Fatalf("%q: %v", password, err)
		}
		if _, err := conn.Exec(t.Context(), fmt.Sprintf("ALTER ROLE %s PASSWORD '%s'", pgx.Identifier{role}.Sanitize(), verifier)); err != nil {
			t.Fatal(err)
		}
		var kept string
		if err := conn.QueryRow(t.Context(), "SELECT rolpassword FROM pg_authid WHERE rolname = $1", role).Scan(&kept); err != nil || kept != verifier {
			t.Errorf("%q: PostgreSQL keeps %q of %q, %v", password, kept, verifier, err)
		}
		onlyWith(t, db.URL, role, password)
		if again, err := parser.Verifier(password); err != nil || again == verifier {
			t.Errorf("%q: the same salt twice, %v", password, err)
		}
	}
}

// TestRolePassword gives roles passwords through the server, and signs in with them.
func TestRolePassword(t *testing.T) {
	t.Parallel()
	server, db := newInstance(t)
	server.Start()
	conn := server.Dial()
	role := "role_" + db.Name
	for _, given := range []struct{ sql, password string }{
		{"CREATE ROLE %s LOGIN PASSWORD 'it''s'", "it's"},
		{"ALTER USER %s WITH ENCRYPTED PASSWORD E'\\u00e4\\\\b'", "ä\\b"},
		{"BEGIN; ALTER ROLE %s PASSWORD $x$'$x$; COMMIT", "'"},
		{"SELECT 1; ALTER ROLE %s PASSWORD 'two'\n'parts'; SELECT 2", "twoparts"},
	} {
		if _, err := conn.Exec(t.Context(), fmt.Sprintf(given.sql, role), pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", given.sql, err)
		}
		onlyWith(t, through(server.Port(), db), role, given.password)
	}
}

// onlyWith signs in with a password, and fails to do so with a longer one. It does so by
// libpq: pgx prepares passwords in another way than PostgreSQL.
func onlyWith(t *testing.T, database, role, password string) {
	t.Helper()
	program, err := psql.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	for try, right := range map[string]bool{password: true, password + "x": false} {
		address.User = url.UserPassword(role, try)
		out, err := exec.CommandContext(t.Context(), program, "-X", "-d", address.String(), "-c", "SELECT 1").CombinedOutput()
		if (err == nil) != right {
			t.Errorf("role with password %q signs in with %q: %v\n%s", password, try, err, out)
		}
	}
}
