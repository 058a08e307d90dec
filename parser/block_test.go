package parser

import (
	"strings"
	"testing"
)

func TestBlockOf(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]Block{
		"SAVEPOINT a":                               {Savepoint, "a"},
		"savepoint A;":                              {Savepoint, "a"},
		`/* x */ SAVEPOINT "_pg3_""1" -- y`:         {Savepoint, `_pg3_"1`},
		"savepoint savepoint":                       {Savepoint, "savepoint"},
		"RELEASE a":                                 {Release, "a"},
		"release savepoint a":                       {Release, "a"},
		"release savepoint":                         {Release, "savepoint"},
		"ROLLBACK TO a":                             {RollbackTo, "a"},
		"rollback work to savepoint a":              {RollbackTo, "a"},
		"abort transaction to A":                    {RollbackTo, "a"},
		"rollback":                                  {Rollback, ""},
		"ROLLBACK TRANSACTION;":                     {Rollback, ""},
		"abort and no chain":                        {Rollback, ""},
		"rollback and chain":                        {Rollback, ""},
		"rollback prepared 'x'":                     {},
		"rollback to":                               {},
		"rollback to a; select 1":                   {},
		"select 1; rollback to a":                   {},
		"savepoint":                                 {},
		"savepoint ä":                               {},
		"savepoint a b":                             {},
		"savepoint " + strings.Repeat("a", 64):      {},
		"select savepoint":                          {},
		"commit":                                    {},
		"":                                          {},
		"rollback to " + strings.Repeat(" ", 300):   {},
		"savepoint a\x00":                           {},
		"savepoint \"a":                             {},
		"release savepoint savepoint":               {Release, "savepoint"},
		"rollback to savepoint savepoint -- 'quote": {RollbackTo, "savepoint"},
	} {
		if got := BlockOf(message); got != want {
			t.Errorf("%q: got %+v, want %+v", message, got, want)
		}
	}
}

func TestBlocksBesideOurs(t *testing.T) {
	t.Parallel()
	r := Rewrite("begin; savepoint a; create data origin o; rollback to a; rollback; select 'savepoint b'", usual)
	want := []IndexedBlock{{1, Block{Savepoint, "a"}}, {3, Block{RollbackTo, "a"}}, {4, Block{Rollback, ""}}}
	if r == nil || len(r.Blocks) != len(want) {
		t.Fatalf("got %+v", r)
	}
	for i, b := range r.Blocks {
		if b != want[i] {
			t.Errorf("got %+v, want %+v", b, want[i])
		}
	}
}
