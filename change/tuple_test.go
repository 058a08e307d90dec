package change

import (
	"bytes"
	"testing"
)

func TestTupleFields(t *testing.T) {
	t.Parallel()
	tup := AppendField(AppendNull(AppendField(nil, []byte("a"))), nil)
	tup = AppendUnavailable(tup)
	want := []struct {
		value string
		n     int32
	}{{"a", 1}, {"", Null}, {"", 0}, {"", Unavailable}}
	for i, w := range want {
		v, n, rest := tup.Next()
		if string(v) != w.value || n != w.n {
			t.Errorf("field %d: %q, %d; want %q, %d", i, v, n, w.value, w.n)
		}
		tup = rest
	}
	if len(tup) != 0 {
		t.Errorf("%d bytes left", len(tup))
	}
}

func TestArenaKeepsWhatItGave(t *testing.T) {
	t.Parallel()
	var a Arena
	var given, want [][]byte
	for round := range 2 {
		a.Reset()
		given, want = given[:0], want[:0]
		for i := range 3000 {
			value := bytes.Repeat([]byte{byte(i + round)}, i%700)
			b := append(a.Start(16), value...) // most grow past what was asked for
			given, want = append(given, a.Commit(b)), append(want, value)
		}
		big := bytes.Repeat([]byte("z"), 3*arenaBlock)
		given, want = append(given, a.Commit(append(a.Start(len(big)), big...))), append(want, big)
		for i := range given {
			if !bytes.Equal(given[i], want[i]) {
				t.Fatalf("round %d: value %d was overwritten", round, i)
			}
			if cap(given[i]) != len(given[i]) {
				t.Fatalf("value %d has room behind it", i)
			}
		}
	}
}

func TestTypesRoundTripThroughTheirOID(t *testing.T) {
	t.Parallel()
	for typ := Bool; typ <= Bytea; typ++ {
		if got, ok := TypeOfOID(typ.OID()); !ok || got != typ {
			t.Errorf("%s: %v, %v", typ, got, ok)
		}
		if typ.ArrayOID() == 0 {
			t.Errorf("%s has no array type", typ)
		}
	}
	if _, ok := TypeOfOID(600); ok {
		t.Error("point is taken for one of ours")
	}
}
