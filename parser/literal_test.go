package parser

import (
	"strings"
	"testing"
)

func TestQuoteIsReadBack(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "a", "'", `\`, `\'`, `'\`, `\\''`, "--", "/*", "$$", "a\nb", "ä𝄞", `'); DROP TABLE x; --`, strings.Repeat(`'\`, 100),
	} {
		source := quote(value)
		tokens, ok := scan("select " + source + ";")
		if !ok || len(tokens) != 3 || tokens[1].kind != text {
			t.Errorf("%q is not one literal: %s", value, source)
			continue
		}
		if got, problem := literalValue(source, true); got != value || problem != "" {
			t.Errorf("%q came back as %q, %s", value, got, problem)
		}
	}
}

func TestLiteralValue(t *testing.T) {
	t.Parallel()
	tests := []struct{ source, value, problem string }{
		{`'a''b'`, "a'b", ""},
		{`'a\n'`, `a\n`, ""},
		{"'a'\n\t'b'\r'c'", "abc", ""},
		{`$$a$$`, "a", ""},
		{`$x$a$$b$x$`, "a$$b", ""},
		{`E'\b\f\n\r\t\q\\\''''`, "\b\f\n\r\tq\\''", ""},
		{`e'\x4\x41\1011\xg'`, "\x04AA1xg", ""},
		{`E'\u0041\U0001D11E\uD834\uDD1E'`, "A𝄞𝄞", ""},
		{"E'a'\n'\\'b'", "a'b", ""},
		{`E'\xc3\xa9'`, "é", ""},
		{`E'\uD834'`, "", "invalid Unicode escape"},
		{`E'\uDD1E\uD834'`, "", "invalid Unicode escape"},
		{`E'\U00110000'`, "", "invalid Unicode escape"},
		{`E'\UFFFFFFFF'`, "", "invalid Unicode escape"},
		{`E'\u12'`, "", "invalid Unicode escape"},
		{`E'\0'`, "", "invalid byte sequence in an escape string"},
		{`E'\xff'`, "", "invalid byte sequence in an escape string"},
	}
	for _, test := range tests {
		value, problem := literalValue(test.source, true)
		if value != test.value || problem != test.problem {
			t.Errorf("%s: got %q, %q, want %q, %q", test.source, value, problem, test.value, test.problem)
		}
	}
}

func TestEscapesNeedUTF8(t *testing.T) {
	t.Parallel()
	for source, ok := range map[string]bool{
		`E'\u0041\x41'`: true, "E'\xe9\\n'": true,
		`E'\u00e9'`: false, `E'\xc3\xa9'`: false, `E'\351'`: false,
	} {
		if _, problem := literalValue(source, false); (problem == "") != ok {
			t.Errorf("%s: problem %q", source, problem)
		}
	}
}

func TestCalm(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]bool{
		"BEGIN": true, "begin;": true, " begin isolation level serializable, read only ;\n": true,
		"START TRANSACTION": true, "savepoint a1": true,
		"": false, "commit": false, "rollback": false, "beginning": false,
		"begin; set x = 1": false, "begin -- x": false, "savepoint \"a\"": false, "begin 'x'": false,
		"set a to b": false, "select 1": false, "savepoint é": false,
	} {
		if got := Calm(message); got != want {
			t.Errorf("Calm(%q) = %v", message, got)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	valid := []string{"status", "config", "data_sources", "data_origins"}
	for given, want := range map[string]string{
		"STATUS": "status", "stats": "status", "statsu": "status", "con": "config", "data_source": "data_sources",
		"datasources": "data_sources", "origins": "", "x": "", "": "", "user": "",
	} {
		if got := nearest(given, valid); got != want {
			t.Errorf("nearest(%q) = %q, want %q", given, got, want)
		}
	}
}
