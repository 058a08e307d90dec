package parser

import (
	"strings"
	"testing"
	"time"
)

// TestUntouched holds texts that must reach the backend as they are.
func TestUntouched(t *testing.T) {
	t.Parallel()
	off := Settings{StandardConformingStrings: false, Settled: true, ClientEncoding: "UTF8"}
	unsettled := Settings{StandardConformingStrings: true, ClientEncoding: "UTF8"}
	sjis := Settings{StandardConformingStrings: true, Settled: true, ClientEncoding: "SJIS"}
	tests := map[string]struct {
		in string
		s  Settings
	}{
		"in a literal":             {"select 'x; list status'", usual},
		"in an escape literal":     {`select E'x\'; list status'`, usual},
		"in a dollar literal":      {"select $a$; list status; $$ $a$", usual},
		"in an identifier":         {`select 1 as "; list status"`, usual},
		"in a comment":             {"select 1 /* ; list status; /* */ ; list status */", usual},
		"in a line comment":        {"select 1 -- ; list status", usual},
		"in parentheses":           {"create rule r as on insert to t do (select 1; list status)", usual},
		"in a function":            {"create function f() returns int begin atomic select 1; list status; end", usual},
		"in a function, after end": {"create function f() returns int begin atomic select case when true then 1 end; list status; end", usual},
		"not first":                {"explain list status", usual},
		"in a cursor":              {"declare c cursor for list status", usual},
		"quoted keyword":           {`"list" status`, usual},
		"unterminated literal":     {"list status; select 'x", usual},
		"unterminated escape":      {`list status; select E'x\'`, usual},
		"unterminated comment":     {"list status; /* x", usual},
		"unterminated dollar":      {"list status; select $x$ $y$", usual},
		"unterminated identifier":  {`list status; select "x`, usual},
		"unbalanced":               {"list status; select 1)", usual},
		"unclosed":                 {"list status; select (1", usual},
		"unicode literal":          {`list status; select U&'x'`, usual},
		"unicode identifier":       {`list status; select U&"x"`, usual},
		"nul":                      {"list status\x00", usual},
		// With the setting off this is one literal; measured as an injection.
		"scs off":                {`select 'a\'; drop data source victim; --'`, off},
		"scs off, harmless":      {`list status; select 'a\b'`, off},
		"scs unsettled":          {`select 'a\'; drop data source victim; --'`, unsettled},
		"continued over comment": {"select E'a' -- x\n 'b\\'; drop data source victim; --'", usual},
		"continued over two":     {"select E'a' -- x\n -- y\n 'b\\'; drop data source victim; --'", usual},
		"bits before literal":    {"select B'1' -- x\n '1'; list status", usual},
		// In SJIS 0x83 0x5C is one character.
		"trail byte":       {"select '\x83\\'; list status; --'", sjis},
		"not ascii":        {"list status; select 'ä'", sjis},
		"unknown encoding": {"list status; select 'ä'", Settings{StandardConformingStrings: true, Settled: true, ClientEncoding: "NEW"}},
		"may change":       {"list status; select 'ä'", unsettled},
		"too long":         {"list status; select '" + strings.Repeat("x", maxScan) + "'", usual},
		"endless operator": {"list status; select 1 " + strings.Repeat("+", 1<<18), usual},
		"endless comment":  {"list status; " + strings.Repeat("/*", 1<<18) + strings.Repeat("*/", 1<<18), usual},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Rewrite(test.in, test.s)
			if r == nil {
				return
			}
			if r.Doubt == "" || r.Text != test.in || r.Statements != nil || r.Err != nil {
				t.Errorf("taken: %+v", r)
			}
			if test.s == usual {
				t.Errorf("the settings are known: %s", r.Doubt)
			}
		})
	}
}

// TestTaken holds texts near those above whose reading is certain.
func TestTaken(t *testing.T) {
	t.Parallel()
	off := Settings{Settled: true, ClientEncoding: "UTF8"}
	unsettled := Settings{ClientEncoding: "UTF8"}
	tests := map[string]struct {
		in string
		s  Settings
	}{
		"scs off, no backslash":     {"select 'a'; list status", off},
		"scs off, escape string":    {`select E'a\''; list status`, off},
		"scs off, dollar string":    {`select $$\$$; list status`, off},
		"unsettled, no backslash":   {"select 'a'; list status", unsettled},
		"sjis, ascii":               {"select 'a'; list status", Settings{StandardConformingStrings: true, Settled: true, ClientEncoding: "SJIS"}},
		"latin1":                    {"select '\xe4'; list status", Settings{StandardConformingStrings: true, Settled: true, ClientEncoding: "LATIN1"}},
		"sql_ascii":                 {"select '\xe4'; list status", Settings{StandardConformingStrings: true, Settled: true, ClientEncoding: "SQL_ASCII"}},
		"operators with dashes":     {"select 1 +-- ; list config\n 2; list status", usual},
		"banner":                    {strings.Repeat("-- "+strings.Repeat("-", 80)+"\n/*"+strings.Repeat("*", 80)+"*/\n", 2000) + "list status", usual},
		"semicolon comments":        {strings.Repeat(";/*", 1000) + strings.Repeat("*/", 1000) + "; list status", usual},
		"literal that hides a dash": {"select '; -- x' ; list status", usual},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := Rewrite(test.in, test.s)
			if r == nil || r.Err != nil || len(r.Statements) != 1 {
				t.Fatalf("not taken: %+v", r)
			}
			at := strings.LastIndex(test.in, "list status")
			if want := test.in[:at] + "SELECT * FROM metadb.status"; !strings.HasPrefix(r.Text, want) {
				t.Errorf("got %.200q", r.Text)
			}
		})
	}
}

func TestLatin1PositionsAreBytes(t *testing.T) {
	t.Parallel()
	r := Rewrite("select '\xe4\xe4'; list foo", Settings{StandardConformingStrings: true, Settled: true, ClientEncoding: "LATIN1"})
	if r == nil || r.Err == nil || r.Err.Position != 19 {
		t.Errorf("got %+v", r)
	}
}

// TestWorkIsBounded feeds what costs the scanner most; unbounded, one of these
// takes minutes.
func TestWorkIsBounded(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, unit := range []string{"/*", "+", "-+", "*/*", "/*+", "+ ", "/**/", "-", ";/*", "1..", "$a", "$a$", "'a'\n", "((", "~!@+", "<>/*", `"a"`, "é"} {
		for _, n := range []int{2_000, 300_000} {
			Rewrite("list status;"+strings.Repeat(unit, n/len(unit)), usual)
		}
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
}

// TestOrdinaryStatements holds PostgreSQL's own, which are never ours.
func TestOrdinaryStatements(t *testing.T) {
	t.Parallel()
	statements := []string{
		"", ";", " \n", "-- list status", "SELECT 1", "select * from list", "LISTEN list", "listen status",
		"CREATE DATABASE data", "create data_source s", "DROP DATABASE data", "ALTER DATABASE data SET x = 1",
		"CREATE USER u WITH VALID UNTIL 'x'", "DROP USER u", "ALTER SYSTEM RESET ALL",
		"CREATE TABLE data (source text)", "DROP TABLE data", "ALTER TABLE data ADD COLUMN source text",
		"ALTER TABLE s.t__ ALTER COLUMN c TYPE uuid", "CREATE SCHEMA data", "CREATE VIEW data AS SELECT 1",
		"GRANT ACCESS ON TABLE t TO u", "GRANT SELECT ON ALL TABLES IN SCHEMA s TO u", "REVOKE ALL ON t FROM u",
		"SHOW STATUS", "SHOW ALL", "SET standard_conforming_strings = off", "WAIT FOR LSN '0/0'", "BEGIN", "COMMIT", "ROLLBACK TO a", "SAVEPOINT a",
		"COPY data FROM STDIN", "EXPLAIN SELECT 1", "CALL metadb.drop_data_source('s', false)",
		"WITH list AS (SELECT 1) SELECT * FROM list", "VALUES (1)", "TABLE list", "DECLARE c CURSOR FOR SELECT 1",
		"PREPARE list AS SELECT 1", "EXECUTE list", "DEALLOCATE list", "DISCARD ALL", "DO $$BEGIN END$$", "LOCK data",
		"LOAD 'list'", "MERGE INTO data USING s ON true WHEN MATCHED THEN DELETE", "CREATE TYPE data AS ENUM ('source')",
		"CREATE FOREIGN DATA WRAPPER w", "ALTER FOREIGN DATA WRAPPER w OPTIONS (ADD a 'b')", "DROP FOREIGN DATA WRAPPER w",
		"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'h')", "IMPORT FOREIGN SCHEMA s FROM SERVER w INTO t",
	}
	for _, s := range statements {
		if ours, _ := mayHold(s); ours {
			t.Errorf("scanned: %s", s)
		}
		if r := Rewrite(s, usual); r != nil {
			t.Errorf("taken: %s", s)
		}
		if r := Rewrite("list status;"+s, usual); r == nil || r.Text != "SELECT * FROM metadb.status;"+s {
			t.Errorf("changed behind ours: %s", s)
		}
	}
}

// TestDoubt holds texts whose reading would be certain in other circumstances.
func TestDoubt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		in   string
		s    Settings
		want string
	}{
		"unsettled": {`create data source s type kafka options (topics '^a\.')`, Settings{StandardConformingStrings: true, ClientEncoding: "UTF8"}, "earlier statements are unanswered"},
		"scs off":   {`create data source s type kafka options (topics '^a\.')`, Settings{Settled: true, ClientEncoding: "UTF8"}, "backslash"},
		"sjis":      {"create data origin \"\xe4\"", Settings{StandardConformingStrings: true, Settled: true, ClientEncoding: "SJIS"}, "not ASCII"},
	} {
		if r := Rewrite(test.in, test.s); r == nil || !strings.Contains(r.Doubt, test.want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for _, in := range []string{"select 'x\\y'", "list status; select E'a' -- x\n 'b\\'", "list status; select 'x"} {
		if r := Rewrite(in, Settings{Settled: true, ClientEncoding: "UTF8"}); r != nil {
			t.Errorf("%s: %+v", in, r)
		}
	}
}

// TestSecretsAreHidden holds texts that the backend fails whatever follows their first
// words: what follows, and so may be a secret, must not reach its log.
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	unsettled := Settings{StandardConformingStrings: true, ClientEncoding: "UTF8"}
	const create = " Create /* x */ Data "
	for name, test := range map[string]struct {
		in, want string
		s        Settings
	}{
		"unclosed parenthesis": {create + "source s type kafka options (sasl_password 'mArK'", create, usual},
		"unclosed quote":       {create + "source s type kafka options (sasl_password 'mArK)", create, usual},
		"bad escape":           {create + `source s type kafka options (sasl_password E'mArK\u12')`, create, usual},
		"bad byte":             {create + `source s type kafka options (sasl_password E'mArK\xff')`, create, usual},
		"unsettled":            {create + `source s type kafka options (sasl_password 'mArK\x')`, create, unsettled},
		"too long":             {create + "source s type kafka options (sasl_password 'mArK" + strings.Repeat("x", maxScan) + "')", create, usual},
		"alter":                {"ALTER DATA source s options (set sasl_password 'mArK)", "ALTER DATA", usual},
		"no option":            {create + "source s type kafka options (sasl_pasword 'mArK')", create, usual},
		"identifier":           {`select 1; alter data source s options (set sasl_password "mArK"); select 2`, "select 1; alter data", usual},
		"behind another":       {"list status; list nothing; alter data source s options (set sasl_password mArK)", "list", usual},
		"no source":            {"create data sorce s type kafka options (sasl_password 'mArK')", "create data", usual},
	} {
		r := Rewrite(test.in, test.s)
		if r == nil || r.Doubt == "" && r.Err == nil || strings.Contains(r.Text, "mArK") || strings.TrimSpace(r.Text) != strings.TrimSpace(test.want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestSecretsAreSealed looks for what goes through Seal.
func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	rw := Rewriter{Seal: func(s string) string { return "<" + s + ">" }}
	for in, want := range map[string]string{
		"alter data source s options (set sasl_password 'a''b', set sasl_username 'u')":      `CALL metadb.alter_data_source(E's', ARRAY[E'set',E'sasl_password',E'<a''b>',E'set',E'sasl_username',E'u']::text[])`,
		"alter data source s options (set sasl_oauthbearer_token 't', drop sasl_password)":   `CALL metadb.alter_data_source(E's', ARRAY[E'set',E'sasl_oauthbearer_token',E'<t>',E'drop',E'sasl_password',E'']::text[])`,
		"alter data source s options (set sasl_oauthbearer_client_secret $3, set topics $2)": `CALL metadb.alter_data_source(E's', ARRAY[E'set',E'sasl_oauthbearer_client_secret',$3,E'set',E'topics',$2]::text[])`,
	} {
		r := rw.Rewrite(in, usual)
		if r == nil || r.Text != want || (len(r.Sealed) == 1 && r.Sealed[0] == 3) != strings.Contains(in, "$3") {
			t.Errorf("%s: %+v", in, r)
		}
	}
	latin := Settings{StandardConformingStrings: true, Settled: true, ClientEncoding: "LATIN1"}
	if r := rw.Rewrite("alter data source s options (set sasl_password '\xe4')", latin); r == nil || strings.Contains(r.Text, "<") {
		t.Errorf("the backend would not convert it: %+v", r)
	}
}
