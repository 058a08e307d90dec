package streamer

import (
	"fmt"
	"testing"
)

// TestTableChangedByHand lets somebody change a table in ways that reading its
// layout again heals, while the server runs. No event becomes a dead letter.
func TestTableChangedByHand(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"column dropped":     "ALTER TABLE lib.item__ DROP COLUMN more",
		"year dropped":       "DROP TABLE lib.zzz___item___2023",
		"column widened":     "ALTER TABLE lib.item__ ALTER COLUMN more TYPE numeric",
		"whole table gone":   "DROP TABLE lib.item__",
		"column of a user's": "ALTER TABLE lib.item__ ADD COLUMN note text",
	}
	for name, sql := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.produce(shaped("item", "c", 1, base, column{"more", "int32", "1"}), shaped("item", "u", 1, base+1, column{"more", "int32", "2"}))
			b.source(`^m\.`)
			b.start()
			b.drained()
			b.exec(sql)
			b.produce(shaped("item", "u", 1, base+2, column{"more", "int32", "3"}), shaped("item", "u", 1, base+3, column{"more", "int32", "4"}))
			b.drained()
			if got := b.text("SELECT more::text FROM lib.item WHERE id = 1"); got != "4" {
				t.Errorf("current row: %s", got)
			}
			b.waitFor("active||0", "SELECT concat_ws('|', source_stream, reason, dead_letters) FROM metadb.status")
		})
	}
}

// TestTableThatTakesNoEvents puts errors into a table that only somebody can
// remove: the table waits and shows them, the others go on, and once they are
// removed it goes on by itself.
func TestTableThatTakesNoEvents(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ damage, reason, repair string }{
		"view of a column whose type changes": {
			"CREATE VIEW lib.mine AS SELECT more FROM lib.item__",
			"%cannot alter type of a column used by a view%", "DROP VIEW lib.mine",
		},
		"current partition detached": {
			"ALTER TABLE lib.item__ DETACH PARTITION lib.item",
			"%only relation lib.item__ is left%", "ALTER TABLE lib.item__ ATTACH PARTITION lib.item FOR VALUES IN (TRUE)",
		},
		"system column renamed": {
			"ALTER TABLE lib.item__ RENAME COLUMN __origin TO lost",
			"%column%__origin%does not exist%", "ALTER TABLE lib.item__ RENAME COLUMN lost TO __origin",
		},
		"trigger": {
			`CREATE FUNCTION lib.no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not on my watch'; END $$;
			CREATE TRIGGER no BEFORE INSERT ON lib.item FOR EACH ROW EXECUTE FUNCTION lib.no()`,
			"%not on my watch%", "DROP TRIGGER no ON lib.item",
		},
		"type of a user's": {
			"ALTER TABLE lib.item__ ADD COLUMN place point",
			"%column place of table lib.item has a type that is none of Metadb's%", "ALTER TABLE lib.item__ DROP COLUMN place",
		},
		"fed by another source": {
			"UPDATE metadb.table_owner SET source = 'theirs' WHERE table_id = (SELECT id FROM metadb.data_table WHERE table_name = 'item'); INSERT INTO metadb.source (name, enable, sync) VALUES ('theirs', false, 0)",
			"%is fed by data source \"theirs\"%", "DELETE FROM metadb.source WHERE name = 'theirs'",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.produce(shaped("item", "c", 1, base, column{"more", "int32", "1"}), shaped("other", "c", 1, base))
			b.source(`^m\.`)
			stop := b.start()
			b.drained()
			stop()
			b.exec(tt.damage)
			for i := range 20 {
				b.produce(shaped("item", "u", 1, base+int64(i+1), column{"more", "string", fmt.Sprintf("%q", fmt.Sprint(i))}), shaped("other", "u", 1, base+int64(i+1), column{"n", "int32", fmt.Sprint(i)}))
			}
			b.start()
			b.waitFor("21|1", "SELECT string_agg(next::text, '|' ORDER BY topic DESC) FROM metadb.source_offset")
			b.waitFor("active|true", "SELECT source_stream || '|' || (reason LIKE 'table lib.item waits: ' || $1)::text FROM metadb.status WHERE name = 's'", tt.reason)
			b.exec(tt.repair)
			b.drained()
			if got := b.text("SELECT string_agg(more, ' ' ORDER BY __start) FROM lib.item__"); got != "1 "+sequence(20) {
				t.Errorf("versions in order: %s", got)
			}
			b.waitFor("active||0", "SELECT concat_ws('|', source_stream, reason, dead_letters) FROM metadb.status WHERE name = 's'")
		})
	}
}
