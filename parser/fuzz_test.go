package parser

import (
	"strings"
	"testing"
	"unicode/utf8"
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
		"(;list status;)", "create user a password 'x'; list status", "alter role b with encrypted password E'\\'x'; list nothing", "create user mapping for u server s options (password 'x')",
	} {
		f.Add(seed, true, true, "UTF8")
		f.Add(seed, false, false, "LATIN1")
		f.Add(seed, false, true, "SJIS")
	}
	f.Fuzz(func(t *testing.T, message string, standard, settled bool, encoding string) {
		s := Settings{StandardConformingStrings: standard, Settled: settled, ClientEncoding: encoding}
		r := Rewrite(message, s)
		ours, role := mayHold(message)
		if !ours {
			if own := ownStatements(message); own > 0 || r != nil && (!role || r.Doubt != "" || r.Statements != nil || r.Err != nil) {
				t.Fatalf("the pre-check missed %d statements: %+v", own, r)
			}
		}
		if r == nil {
			return
		}
		known := settled && (encoding == "UTF8" || encoding == "SQL_ASCII" || singleByte[encoding])
		if taken := r.Doubt == ""; taken && isWide(message) && !known {
			t.Fatalf("taken in encoding %s, settled %t", encoding, settled)
		}
		if r.Doubt != "" {
			if !isCut(message, r.Text) || r.Statements != nil || r.Err != nil {
				t.Fatalf("doubted and taken: %+v", r)
			}
			return
		}
		count := charactersOf(s)
		length := count.in(message)
		if r.First < 1 && ours && len(r.Statements) > 0 || r.First > length {
			t.Fatalf("first %d of %d", r.First, length)
		}
		if r.Err != nil {
			before := strings.HasPrefix(strip(message, role), strip(r.Text, role)) // all but its passwords
			within := r.First <= count.in(r.Text) && r.First <= r.Err.Position && r.Err.Position <= length+1
			if !before || !within || len(r.Err.Code) != 5 || r.Err.Message == "" {
				t.Fatalf("error %+v, of %q", r.Err, r.Text)
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
				// Only a password's literal differs, from which nobody can tell it.
				for j, tok := range statement.tokens {
					got := sent[i].tokens[j]
					if was, is := message[tok.start:tok.end], r.Text[got.start:got.end]; was != is {
						if !role || tok.kind != text || !isVerifier(strings.Trim(is, "'")) || !strings.EqualFold(message[statement.tokens[j-1].start:statement.tokens[j-1].end], "password") {
							t.Fatalf("%q became %q", was, is)
						}
						want.WriteString(message[done:tok.start] + is)
						done = tok.end
					}
				}
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

// strip leaves out literals, if there are passwords among them.
func strip(message string, passwords bool) string {
	tokens, ok := scan(message)
	if !ok || !passwords {
		return message
	}
	var b strings.Builder
	done := 0
	for _, tok := range tokens {
		if tok.kind == text {
			b.WriteString(message[done:tok.start])
			done = tok.end
		}
	}
	return b.String() + message[done:]
}

// isCut says that a text is sent as it is, or its first words if those alone are wrong.
func isCut(message, sent string) bool {
	return sent == message || sent == message[:secretStart(message)] && sent != ""
}

// ownStatements is how many statements of ours the splitter finds in a text that
// the scanner can be given.
func ownStatements(message string) (n int) {
	if !boundedWork(message) || strings.IndexByte(message, 0) >= 0 {
		return 0
	}
	tokens, ok := scan(message)
	if !ok {
		return 0
	}
	statements, _ := split(message, tokens)
	for _, st := range statements {
		if _, own := formOf(message, st.tokens); own {
			n++
		}
	}
	return n
}

// FuzzInside puts any text into each kind of literal, as a driver does that quotes
// it rightly under the session's settings: a text of the client's users is never a
// statement, and in a statement of ours it reaches the routine as it is.
func FuzzInside(f *testing.F) {
	for _, seed := range []string{
		"", "x", "; list status; --", "'; list status; --", `\'; list status; --`, `\`, "$$; list status", "*/ list status", "\n; list status", `"; list status`,
		"'\n'; list status", "x') ; drop data source s; --", `x', topics '`,
	} {
		f.Add(seed, true, "UTF8")
		f.Add(seed, false, "LATIN1")
		f.Add(seed, false, "SJIS")
	}
	f.Fuzz(func(t *testing.T, value string, standard bool, encoding string) {
		if strings.IndexByte(value, 0) >= 0 || encoding == "UTF8" && !utf8.ValidString(value) || len(value) > 10_000 {
			return // cannot come from a client, or is refused by the backend
		}
		s := Settings{StandardConformingStrings: standard, Settled: true, ClientEncoding: encoding}
		doubled := strings.ReplaceAll(value, "'", "''")
		plain := doubled
		if !standard {
			plain = strings.ReplaceAll(plain, `\`, `\\`)
		}
		literals := []string{"'" + plain + "'", "E'" + strings.ReplaceAll(doubled, `\`, `\\`) + "'"}
		if !strings.Contains(value, "$q$") && !strings.HasSuffix(value, "$q") {
			literals = append(literals, "$q$"+value+"$q$")
		}
		hidden := append([]string{`"` + strings.ReplaceAll(value, `"`, `""`) + `"`}, literals...)
		if !strings.Contains(value, "*/") && !strings.Contains(value, "/*") && !strings.HasSuffix(value, "*") && !strings.HasSuffix(value, "/") {
			hidden = append(hidden, "/* "+value+" */ 1", "/*"+value+" */ 1")
		}
		if !strings.ContainsAny(value, "\n\r") {
			hidden = append(hidden, "1 --"+value+"\n")
		}
		for _, h := range hidden {
			if r := Rewrite("select "+h, s); r != nil && (r.Doubt == "" || r.Statements != nil || r.Err != nil) {
				t.Fatalf("taken from within %q: %+v", h, r)
			}
			after := "select " + h + "; list status"
			if r := Rewrite(after, s); r != nil && r.Doubt == "" && r.Text != "select "+h+"; SELECT * FROM metadb.status" {
				t.Fatalf("%q became %q, %v", after, r.Text, r.Err)
			}
		}
		for _, l := range literals {
			r := Rewrite("create data source s type kafka options (brokers "+l+", module 'm')", s)
			if r == nil || r.Doubt != "" {
				continue
			}
			if want := "CALL metadb.create_data_source(E's', E'kafka', ARRAY[E'brokers'," + quote(value) + ",E'module',E'm']::text[], false)"; r.Err != nil || r.Text != want {
				t.Fatalf("%q became %q, %v", l, r.Text, r.Err)
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
