package parser

import (
	"strings"
	"testing"
)

func TestRolePasswords(t *testing.T) {
	t.Parallel()
	const verifier = "SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	// ‹…› is around the literals that are replaced.
	for _, message := range []string{
		"CREATE USER u WITH PASSWORD ‹'secret'›",
		"create role u login encrypted password ‹'secret'› valid until 'infinity'; select 'secret2'",
		"ALTER USER \"a b\" PASSWORD ‹'it''s'›",
		"ALTER ROLE current_user /* x */ PASSWORD -- y\n ‹E'\\u00e4'›;",
		"CREATE GROUP g PASSWORD ‹$q$x$q$›",
		"/* ; */ ALTER ROLE password PASSWORD ‹'password'›",
		"BEGIN; CREATE USER a PASSWORD ‹'x'›; CREATE USER ü PASSWORD ‹'y'›; COMMIT",
		"CREATE USER u PASSWORD ‹'x'› PASSWORD ‹'y'›", // PostgreSQL says what is wrong
		"CREATE USER u PASSWORD ‹'md5'›; SELECT E'md5'",
		"CREATE USER u PASSWORD ‹'SCRAM-SHA-256$4096:x$y:z'›",
		"CREATE USER u PASSWORD ‹'x'\n'y'›", // one literal to PostgreSQL
		"CREATE USER u PASSWORD‹'x'›VALID UNTIL'infinity'",
		// not changed
		"CREATE USER u PASSWORD ''",
		"CREATE USER u PASSWORD NULL",
		"CREATE USER u PASSWORD '" + verifier + "'",
		"CREATE USER u PASSWORD 'md50123456789abcdef0123456789abcdef'",
		"CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password 'x')",
		"ALTER USER MAPPING FOR u SERVER s OPTIONS (SET password 'x')",
		"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (password 'x')",
		"CREATE ROLE PASSWORD 'x'",
		"ALTER ROLE u SET password = 'x'",
		"ALTER ROLE u SET password TO 'x'",
		"CREATE USER u PASSWORD U&'x'",
		"CREATE USER u PASSWORD E'\\u'",
		"SELECT password 'x'",
		"SELECT $$;CREATE USER u PASSWORD 'x'$$",
		"PREPARE p AS SELECT 1",
	} {
		parts := strings.FieldsFunc(message, func(r rune) bool { return r == '‹' || r == '›' })
		client := strings.Join(parts, "")
		r := Rewrite(client, usual)
		if len(parts) == 1 {
			if r != nil {
				t.Errorf("%s became %s", client, r.Text)
			}
			continue
		}
		if r == nil || r.Err != nil || r.Statements != nil || r.Doubt != "" {
			t.Errorf("%s: got %+v", client, r)
			continue
		}
		rest := r.Text
		for i, part := range parts {
			if i%2 == 0 {
				var ok bool
				if rest, ok = strings.CutPrefix(rest, part); !ok {
					t.Fatalf("%s became %s", client, r.Text)
				}
				continue
			}
			end := strings.Index(rest[1:], "'") + 2
			if !strings.HasPrefix(rest, "'") || !isVerifier(rest[1:end-1]) {
				t.Fatalf("%s became %s", client, r.Text)
			}
			rest = rest[end:]
		}
		if rest != "" {
			t.Errorf("%s became %s", client, r.Text)
		}
	}
}

// TestRolePasswordsUncertain leaves alone what PostgreSQL may read in another way.
func TestRolePasswordsUncertain(t *testing.T) {
	t.Parallel()
	for message, s := range map[string]Settings{
		`CREATE USER u PASSWORD 'a\'`: {Settled: true, ClientEncoding: "UTF8"},
		"CREATE USER u PASSWORD 'ä'":  {StandardConformingStrings: true, ClientEncoding: "UTF8"},
		"CREATE USER v PASSWORD 'ä'":  {StandardConformingStrings: true, Settled: true, ClientEncoding: "LATIN1"},
		"CREATE USER w PASSWORD 'ä'":  {StandardConformingStrings: true, Settled: true, ClientEncoding: "SJIS"},
	} {
		if r := Rewrite(message, s); r != nil {
			t.Errorf("%s became %+v", message, r)
		}
	}
	if r := Rewrite("CREATE USER u PASSWORD 'a'", Settings{}); r == nil || !strings.Contains(r.Text, "SCRAM") {
		t.Errorf("plain letters mean the same under all settings: %+v", r)
	}
}

// TestRolePasswordsBesideOurs has both in one message: positions, and no password in
// what is sent to fail.
func TestRolePasswordsBesideOurs(t *testing.T) {
	t.Parallel()
	const before = "CREATE USER ü PASSWORD 'sécret'; "
	r := Rewrite(before+"LIST status; SELECT nosuch", usual)
	if r == nil || len(r.Statements) != 1 || r.Statements[0].Index != 1 || strings.Contains(r.Text, "cret") {
		t.Fatalf("got %+v", r)
	}
	count := charactersOf(usual)
	for part, want := range map[string]struct{ client, inside int }{
		"SCRAM": {24, -1}, "LIST": {34, 0}, "nosuch": {54, -1}, "PASSWORD": {15, -1},
	} {
		word := part
		if part == "LIST" {
			word = "metadb.status"
		}
		at := count.in(r.Text[:strings.Index(r.Text, word)]) + 1
		if client, inside := r.Position(at); client != want.client || inside != want.inside {
			t.Errorf("%s at %d is %d, %d; want %d, %d", part, at, client, inside, want.client, want.inside)
		}
	}
	r = Rewrite(before+"LIST nothing; CREATE USER v PASSWORD 'sécret'", usual)
	if want := "CREATE USER ü PASSWORD '******'; LIST"; r == nil || r.Err == nil || r.Text != want || r.First != 34 || r.Err.Position != 39 {
		t.Errorf("got %+v, want %q", r, want)
	}
	many := strings.Repeat("ALTER USER u PASSWORD 'x';", maxPasswords+1)
	if r := Rewrite(many, usual); r == nil || strings.Count(r.Text, "SCRAM") != maxPasswords {
		t.Error("the number of passwords has no bound")
	}
}
