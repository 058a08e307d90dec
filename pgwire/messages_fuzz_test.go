package pgwire

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// FuzzMessages sends anything in both directions: nothing may panic, what is not
// rewritten must come out as it went in, no message is added or lost, and the settings
// are those that the backend has told last.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("Q\x00\x00\x00\x08own\x00P\x00\x00\x00\x0ba\x00own\x00\x00\x00"), []byte("C\x00\x00\x00\x09CALL\x00Z\x00\x00\x00\x05I"))
	f.Add([]byte("B\x00\x00\x00\x06a\x00E\x00\x00\x00\x04c\x00\x00\x00\x04S\x00\x00\x00\x04"), []byte("E\x00\x00\x00\x0aC42\x00P1\x00\x00G\x00\x00\x00\x04"))
	parameter := func(name, value string) []byte { return newMessage('S', terminated(name), terminated(value)) }
	f.Add(newMessage('Q', terminated("own")), slices.Concat(parameter("standard_conforming_strings", "off"), parameter("client_encoding", "SJIS"),
		newMessage('Z', []byte("I")), newMessage('E', []byte("SERROR\x00C42601\x00Mx\x00P1\x00\x00")), newMessage('Z', []byte("E"))))
	f.Add(slices.Concat(newMessage('Q', terminated("bad")), newMessage('Q', terminated("own"))), slices.Concat(newMessage('Z', []byte("I")),
		newMessage('E', []byte("C42601\x00Mx\x00P1\x00\x00")), newMessage('Z', []byte("I")), newMessage('C', terminated("CALL")), newMessage('Z', []byte("T"))))
	f.Add(slices.Concat(newMessage('P', terminated(""), terminated("own"), []byte{0, 0}),
		newMessage('B', []byte("\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x01x\xff\xff\xff\xff\x00\x00"))), newMessage('Z', []byte("I")))
	f.Fuzz(func(t *testing.T, client, backend []byte) {
		l := newLedger()
		up := &fromClient{ledger: l, rewrite: stubRewrite, calm: func(s string) bool { return s == "BEGIN" }, block: func(string) Block { return Block{} }}
		for range 2 {
			got, _ := pumped(bytes.NewReader(client), up)
			if !bytes.Contains(client, []byte("own")) && !strings.HasPrefix(string(client), got) {
				t.Error("client's bytes were changed")
			}
			sameMessages(t, client, got, "QPB")
			got, _ = pumped(bytes.NewReader(backend), &fromBackend{ledger: l})
			sameMessages(t, backend, got, "EC")
			settingsAreTold(t, l, backend)
		}
		l.shut()
	})
}

// sameMessages checks that the same messages came out, all but those of some kinds
// byte for byte.
func sameMessages(t *testing.T, in []byte, got string, edited string) {
	t.Helper()
	was, is := in, []byte(got)
	for len(is) >= headerLength {
		kind, size, err := header(is)
		if err != nil || len(is) < headerLength+size {
			break // cut off where the input ends
		}
		oldKind, oldSize, err := header(was)
		if err != nil || kind != oldKind {
			t.Fatalf("%q became %q, %v", oldKind, kind, err)
		}
		if m, old := is[:headerLength+size], was[:headerLength+oldSize]; !bytes.Equal(m, old) && !strings.ContainsRune(edited, rune(kind)) {
			t.Fatalf("%q became %q", old, m)
		}
		is, was = is[headerLength+size:], was[headerLength+oldSize:]
	}
	if !bytes.HasPrefix(was, is) {
		t.Fatalf("ends with %q, not %q", is, was)
	}
}

// settingsAreTold checks the ledger's settings against what the backend has sent.
func settingsAreTold(t *testing.T, l *ledger, sent []byte) {
	t.Helper()
	want := map[string]string{}
	for len(sent) >= headerLength {
		kind, size, err := header(sent)
		if err != nil || len(sent) < headerLength+size {
			break
		}
		fields := bytes.SplitN(sent[headerLength:headerLength+size], []byte{0}, 3)
		sent = sent[headerLength+size:]
		if kind == 'S' && size <= maxParameter && len(fields) == 3 {
			want[string(fields[0])] = string(fields[1])
		}
	}
	got := l.settings()
	if v, told := want["standard_conforming_strings"]; told && got.StandardConformingStrings != (v == "on") {
		t.Errorf("standard_conforming_strings is %q: %+v", v, got)
	}
	if v, told := want["client_encoding"]; told && got.ClientEncoding != v {
		t.Errorf("client_encoding is %q: %+v", v, got)
	}
}

// stubRewrite knows the statements own and bad.
func stubRewrite(text string, _ Settings) *Rewriting {
	switch {
	case strings.HasPrefix(text, "own"):
		return &Rewriting{
			Text: "CALL own()", Statements: []Statement{{Name: "OWN", Tag: "OWN"}}, Sealed: []int{1}, Seal: func(s string) string { return "<" + s + ">" },
			Position: func(int) (int, int) { return 1, 0 },
		}
	case strings.HasPrefix(text, "bad"):
		return &Rewriting{Text: text, Malformed: &Malformed{Code: "22023", Message: "bad own", Hint: "good?", Position: 2, First: 1}}
	}
	return nil
}
