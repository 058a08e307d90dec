package parser

import (
	"strings"
	"testing"
)

// FuzzRewrite checks what must hold of any text: all but our statements is kept
// byte for byte, what is put in scans as it was meant, and the positions are
// within the client's text.
func FuzzRewrite(f *testing.F) {
	for _, seed := range []string{
		"list status", "select 1; list status; select 2", `create data source "a""b" type kafka options (topics '^x\.', brokers E'\'')`,
		"alter data source s options (drop module, set topics $x$'$x$)", "drop data source if exists é; x", "create data origin a.b -- c\n;",
		`select 'a\'; drop data source victim; --'`, "select E'a' -- x\n 'b\\'; list status", "/* ; /* */ list status */ list config",
		"create function f() begin atomic select 1; list status; end; list status", "list foo; list status", "replay dead letters in data source s id 1, 2", "alter data source s disable",
		"(;list status;)",
	} {
		f.Add(seed, true, true, "UTF8")
		f.Add(seed, false, false, "LATIN1")
	}
	f.Fuzz(func(t *testing.T, message string, standard, settled bool, encoding string) {
		s := Settings{StandardConformingStrings: standard, Settled: settled, ClientEncoding: encoding}
		r := Rewrite(message, s)
		if r == nil {
			return
		}
		if r.Doubt != "" {
			if r.Text != message || r.Statements != nil || r.Err != nil {
				t.Fatalf("doubted and taken: %+v", r)
			}
			return
		}
		count := charactersOf(s)
		length := count.in(message)
		if r.First < 1 || r.First > length {
			t.Fatalf("first %d of %d", r.First, length)
		}
		if r.Err != nil {
			if r.Text != message || r.Err.Position < r.First || r.Err.Position > length+1 || len(r.Err.Code) != 5 || r.Err.Message == "" {
				t.Fatalf("error %+v", r.Err)
			}
			return
		}
		before, ok := scan(message)
		after, okAfter := scan(r.Text)
		if !ok || !okAfter {
			t.Fatalf("does not scan: %q", r.Text)
		}
		old, ok := split(message, before)
		sent, okAfter := split(r.Text, after)
		if !ok || !okAfter || len(old) != len(sent) {
			t.Fatalf("%d statements became %d: %q", len(old), len(sent), r.Text)
		}
		var want strings.Builder
		done, own := 0, 0
		for i, statement := range old {
			if own == len(r.Statements) || r.Statements[own].Index != i {
				continue
			}
			own++
			want.WriteString(message[done:statement.start()])
			generated := r.Text[sent[i].start():sent[i].last()]
			if !strings.HasPrefix(generated, "CALL metadb.") && !strings.HasPrefix(generated, "SELECT * FROM metadb.") {
				t.Fatalf("statement %d: %q", i, generated)
			}
			want.WriteString(generated)
			done = statement.last()
		}
		want.WriteString(message[done:])
		if own != len(r.Statements) || r.Text != want.String() {
			t.Fatalf("got  %q\nwant %q", r.Text, want.String())
		}
		for p := 1; p <= count.in(r.Text)+1; p++ {
			if client, inside := r.Position(p); client < 1 || client > length+1 || inside >= len(r.Statements) {
				t.Fatalf("position %d is %d in %d", p, client, inside)
			}
		}
	})
}

func BenchmarkRewriteOrdinary(b *testing.B) {
	const query = "SELECT a.id, a.name, count(*) FROM public.accounts a JOIN public.orders o ON o.account = a.id GROUP BY 1, 2 LIMIT 10;"
	for b.Loop() {
		if Rewrite(query, usual) != nil {
			b.Fatal("taken")
		}
	}
}
