package pgwire

import (
	"strings"
	"testing"
)

// talk plays messages against the two inspectors. Each word is one message:
// those of the client begin with >. It returns the backend's answers as the
// client sees them: the type, with the tag or SQLSTATE of C and E.
func talk(t *testing.T, l *ledger, script string) string {
	t.Helper()
	up := &fromClient{ledger: l, rewrite: stubRewrite, calm: func(s string) bool { return s == "BEGIN" }, block: func(string) Block { return Block{} }}
	down := &fromBackend{ledger: l, adminRole: "admin"}
	var got []string
	for _, w := range strings.Fields(script) {
		from, ours := strings.CutPrefix(w, ">")
		kind, rest := from[0], strings.ReplaceAll(from[1:], "0", "\x00")
		switch {
		case ours:
			if _, err := up.see(kind, []byte(rest)[:up.look(kind, len(rest))], up.look(kind, len(rest)) == len(rest)); err != nil {
				t.Fatal(err)
			}
			continue
		case kind == 'E':
			rest = "SERROR\x00VERROR\x00C" + from[1:] + "\x00Mold\x00P1\x00Wwhere\x00\x00"
		case kind == 'C':
			rest += "\x00"
		}
		instead, err := down.see(kind, []byte(rest), true)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case instead == nil && kind == 'E':
			got = append(got, "E"+from[1:])
		case instead == nil && kind == 'C':
			got = append(got, from)
		case instead != nil && kind == 'E':
			f, _ := parseFields(instead[headerLength:])
			got = append(got, "E"+f.get(codeField)+"*")
		case instead != nil:
			tag, _, _ := cut(instead[headerLength:])
			got = append(got, string(kind)+tag+"*")
		}
	}
	return strings.Join(got, " ")
}

func TestLedger(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ script, want string }{
		"query":                      {">Qown0 CCALL ZI", "COWN*"},
		"other query":                {">Qx0 CCALL ZI", "CCALL"},
		"guard: not a call":          {">Qown0 CSELECT ZI", "CSELECT"},
		"malformed":                  {">Qbad0 E42601 ZI", "E22023*"},
		"guard: other error":         {">Qbad0 E25P02 ZI", "E25P02"},
		"own error":                  {">Qown0 E42710 ZI", "E42710*"},
		"queued queries":             {">Qx0 >Qown0 >Qx0 CCALL ZI CCALL ZI CCALL ZI", "CCALL COWN* CCALL"},
		"own of several statements":  {">Qown0 CCALL CCALL ZI", "COWN* CCALL"},
		"result rows do not count":   {">Qown0 T D D CCALL ZI", "COWN*"},
		"extended":                   {">P0own000 >B0000 >DP0 >E00000 >S 1 2 n CCALL ZI", "COWN*"},
		"notices do not count":       {">P0own000 >B0000 >E00000 >S 1 N A S 2 N CCALL ZI", "COWN*"},
		"named statement, again":     {">Pa0own000 >S 1 ZI >B0a000 >E00000 >S 2 CCALL ZI >B0a000 >E00000 >S 2 CCALL ZI", "COWN* COWN*"},
		"named portal":               {">Pa0own000 >Bp0a000 >Bq0a000 >Eq00000 >Ep00000 >S 1 2 2 CCALL CCALL ZI", "COWN* COWN*"},
		"re-parsed":                  {">Pa0own000 >S 1 ZI >Pa0x000 >S 1 ZI >B0a000 >E00000 >S 2 CCALL ZI", "CCALL"},
		"closed":                     {">Pa0own000 >S 1 ZI >CSa0 >S 3 ZI >B0a000 >E00000 >S 2 CCALL ZI", "CCALL"},
		"re-parse fails":             {">Pa0x000 >S 1 ZI >Pa0own000 >S E42P05 ZI >B0a000 >E00000 >S 2 CCALL ZI", "E42P05* CCALL"},
		"parse skipped":              {">P0x000 >Pa0own000 >S E42601 ZI >B0a000 >E00000 >S 2 CCALL ZI", "E42601 CCALL"},
		"error first in a pipeline":  {">P0bad000 >B0000 >E00000 >P0own000 >B0000 >E00000 >S >Qown0 E42601 ZI CCALL ZI", "E22023* COWN*"},
		"error middle in a pipeline": {">P0own000 >B0000 >E00000 >P0bad000 >B0000 >E00000 >S >Qown0 1 2 CCALL E42601 ZI CCALL ZI", "COWN* E22023* COWN*"},
		"error of another, then own": {">P0x000 >B0000 >E00000 >P0own000 >B0000 >E00000 >S 1 2 E22012 ZI", "E22012"},
		"error at sync":              {">P0own000 >B0000 >E00000 >S 1 2 CCALL E23503 ZI >Qown0 CCALL ZI", "COWN* E23503 COWN*"},
		"several syncs":              {">P0bad000 >S >P0own000 >B0000 >E00000 >S E42601 ZI 1 2 CCALL ZI", "E22023* COWN*"},
		"query behind open extended": {">P0x000 >B0000 >E00000 >Qown0 1 2 CSELECT T CCALL ZI", "CSELECT COWN*"},
		"query is swallowed":         {">P0x000 >B0000 >Qown0 >Qown0 >S >Qown0 E42601 ZI CCALL ZI", "E42601 COWN*"},
		"query error, not swallowed": {">P0x000 >B0000 >Qbad0 >Qown0 1 2 E42601 ZE CCALL ZI", "E22023* COWN*"},
		"suspended portal":           {">P0own000 >B0000 >E00001 >E00001 >S 1 2 s CCALL ZI", "COWN*"},
		"function call":              {">F >Qown0 V ZI CCALL ZI", "COWN*"},
		"flush":                      {">P0own000 >H 1 >B0000 >E00000 >H 2 CCALL >S ZI", "COWN*"},
		"empty query":                {">Q0 >Qown0 I ZI CCALL ZI", "COWN*"},
		"copy in, simple":            {">Qx0 G >d >d >c CCOPY ZI >Qown0 CCALL ZI", "CCOPY COWN*"},
		"copy in, simple, fails":     {">Qx0 G >d E22P02 ZI >d >c >Qown0 CCALL ZI", "E22P02 COWN*"},
		"copy in, extended":          {">P0x000 >B0000 >E00000 >S 1 2 G >d >c >S CCOPY ZI >Qown0 CCALL ZI", "CCOPY COWN*"},
		"copy in, two early syncs":   {">P0x000 >B0000 >E00000 >S >S 1 2 G >d >c >S >Qown0 CCOPY ZI CCALL ZI", "CCOPY COWN*"},
		"copy in, extended, refused": {">P0x000 >B0000 >E00000 >S 1 2 G >d >f >S E57014 ZI >Qown0 CCALL ZI", "E57014 COWN*"},
		"copy in, extended, fails":   {">P0x000 >B0000 >E00000 >S 1 2 G >d E22P02 >c >S ZI >Qown0 CCALL ZI", "E22P02 COWN*"},
		"copy in, extended, blind":   {">P0x000 >B0000 >E00000 >S >d >c >S 1 2 G CCOPY ZI >Qown0 CCALL ZI", "CCOPY COWN*"},
		"copy out":                   {">Qx0 H d d c CCOPY ZI >Qown0 CCALL ZI", "CCOPY COWN*"},
		"answers nobody asked for":   {"CCALL ZI ZI E57P01", "CCALL E57P01"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			talk(t, l, "ZI")
			if got := talk(t, l, test.script); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestSettingsAreSettled(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		script string
		want   bool
	}{
		"idle":                     {"", true},
		"query":                    {">Qx0", false},
		"query answered":           {">Qx0 CSELECT ZI", true},
		"one of two answered":      {">Qx0 >Qx0 CSELECT ZI", false},
		"begin":                    {">QBEGIN0", true},
		"parse":                    {">P0x000", true},
		"bind":                     {">P0x000 >B0000", false},
		"begin, extended":          {">P0BEGIN000 >B0000 >E000000", true},
		"begin, named":             {">Pa0BEGIN000 >S 1 ZI >B0a000 >E000000", true},
		"begin, parsed again":      {">Pa0BEGIN000 >Pa0x000 >B0a000 >E000000", false},
		"own":                      {">P0own000 >B0000 >E00000", true},
		"unknown portal":           {">Ep00000", false},
		"function call":            {">F", false},
		"extended, answered":       {">P0x000 >B0000 >E00000 >S 1 2 CSELECT ZI", true},
		"extended, flushed":        {">P0x000 >B0000 >E00000 >H 1 2 CSELECT", false},
		"in a copy":                {">P0x000 >B0000 >E00000 >S 1 2 G", false},
		"after a failed copy, all": {">P0x000 >B0000 >E00000 >S 1 2 G E22P02 >c >S ZI >Qx0 CSELECT ZI", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			if l.settings().Settled {
				t.Error("settled before the first ReadyForQuery")
			}
			talk(t, l, "Sstandard_conforming_strings0on0 Sclient_encoding0UTF80 ZI "+test.script)
			want := Settings{StandardConformingStrings: true, Settled: test.want, ClientEncoding: "UTF8"}
			if got := l.settings(); got.Settled != test.want || test.want && !got.StandardConformingStrings {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestShutOnlyWhenIdle(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]bool{
		"": false, "ZI": true, "ZI >Qx0": false, "ZI >Qx0 CBEGIN ZT": false, "ZI >Qx0 CROLLBACK ZE": false,
		"ZI >Qx0 CSELECT ZI": true, "ZI >P0x000": false, "ZI >P0x000 >S 1 ZI": true,
		"ZI >P0x000 >B0000 >E00000 >S 1 2 G E22P02": false, "ZI >P0x000 >B0000 >E00000 >S 1 2 G E22P02 ZI": true,
	} {
		l := newLedger()
		talk(t, l, script)
		if got := l.shut(); got != want {
			t.Errorf("%q: %v", script, got)
		}
		up := &fromClient{ledger: l}
		if _, err := up.see('S', nil, true); (err != nil) != want {
			t.Errorf("%q: sent afterwards: %v", script, err)
		}
	}
}

func TestLedgerStaysSmall(t *testing.T) {
	t.Parallel()
	l := newLedger()
	talk(t, l, "ZI")
	talk(t, l, strings.Repeat(">Qx0 ", 100))
	for range 20 {
		talk(t, l, strings.Repeat(">Qx0 CSELECT ZI ", 100))
	}
	if n := len(l.cycles); n > 1000 {
		t.Errorf("%d cycles kept for 100", n)
	}
}
