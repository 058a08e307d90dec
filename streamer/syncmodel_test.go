package streamer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"metadb/catalog"
)

// TestSyncModel compares random synchronizations with the plain model: statements,
// worker, decoder and applier as they are, with records handed over in place of a
// broker. RAPID_CHECKS sets how many.
func TestSyncModel(t *testing.T) {
	t.Parallel()
	b := newModelBed(t)
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Now().Add(-time.Hour).UnixMilli()
		d := &syncDrive{modelBed: b, rt: rt, source: drawSyncSource(rt, now), crashAt: -1}
		mode := rapid.SampledFrom([]int16{catalog.SyncNone, catalog.SyncInitial}).Draw(rt, "mode")
		d.want, d.named = newSyncModel(d.source, mode), d.source.prefix
		d.check(d.emptySync(mode))
		d.start()
		defer d.stopAll()
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			d.step()
		}
		if d.settle(); rapid.Bool().Draw(rt, "resync") {
			d.resync()
		} else {
			d.rest()
		}
		d.compare("at the end")
	})
}

// syncDrive is a sequence of steps, with the run of the streamer that is at work.
type syncDrive struct {
	*modelBed
	rt      *rapid.T
	source  *syncSource
	want    *syncModel
	named   string // prefix of the topics that the source names
	present *syncRun
	zombies []*syncRun // runs that were replaced and do not know it
	crashAt int        // points of the program to be passed before the crash; below 0: none
	rival   func()     // what goes on beside a run that begins
	ending  *syncEnding
}

func (d *syncDrive) check(err error) {
	if err != nil {
		d.rt.Helper()
		d.rt.Fatal(err)
	}
}

// step does one thing.
func (d *syncDrive) step() {
	s := d.source
	switch kind := rapid.IntRange(0, 39).Draw(d.rt, "step"); {
	case kind < 8:
		s.transaction()
	case kind < 16:
		s.send(rapid.IntRange(1, 10).Draw(d.rt, "send"))
	case kind < 24:
		d.batch()
	case kind == 24:
		s.kill()
	case kind == 25:
		s.lose()
	case kind == 26:
		s.connect(false)
	case kind == 27:
		s.connect(true)
	case kind == 28:
		d.alter()
	case kind == 29:
		d.race()
	case kind == 30:
		d.strike()
	case kind == 31:
		d.crashAt = rapid.IntRange(0, 40).Draw(d.rt, "point")
	case kind < 34:
		d.sync()
	case kind < 37:
		d.endsync(rapid.Bool().Draw(d.rt, "forced"))
	case kind == 37:
		d.cancel()
	default:
		d.look()
	}
}

// resync resynchronizes as an operator does, too early at first, perhaps. Then the
// tables hold what the source does, and only what it has lost was closed.
func (d *syncDrive) resync() {
	if rapid.IntRange(0, 2).Draw(d.rt, "too early") == 2 {
		d.begin()
		more := d.live()
		for p, from := range d.want.gen.from { // old events come even later
			more = more || d.want.read[p] < from
		}
		d.endsync(true)
		d.settle()
		d.rest()
		d.compare("after an early endsync and the rest of the snapshot")
		d.equalsSource(more)
	}
	d.begin()
	d.live()
	d.rest()
	d.look()
	if !d.want.gen.complete {
		d.rt.Fatal("the snapshot is not complete")
	}
	for _, t := range d.source.tables { // the model's word against the truth
		gone := d.want.unconfirmed(t)
		for _, v := range d.want.model[t.name] {
			k := slices.Index(syncKey.kind.values, v.row["k"])
			if _, there := d.source.rows[t][k]; v.end == 0 && there == gone[v.row["k"].class] {
				d.rt.Fatalf("table %s: row %d would be closed: %t, and is in the source: %t", t.name, k, !there, there)
			}
		}
	}
	d.endsync(!d.counted() || d.want.guarded())
	d.settle()
	if d.want.mode != catalog.SyncNone { // refused for what live changes have left of a table
		d.endsync(true)
		d.settle()
	}
	if d.want.mode != catalog.SyncNone || d.want.gap {
		d.rt.Fatal("still synchronizing, or events missing, after a complete resync")
	}
	d.rest()
	d.compare("after a complete resync")
	d.equalsSource(false)
}

// settle brings what was begun to its end, without a crash.
func (d *syncDrive) settle() {
	d.crashAt = -1
	for d.ending != nil {
		d.goOn()
	}
	for len(d.want.asked) > 0 {
		d.restart()
	}
}

// begin replaces the connector and asks for a synchronization.
func (d *syncDrive) begin() {
	s := d.source
	s.lose()
	renamed := rapid.Bool().Draw(d.rt, "renamed")
	d.sync()
	if !renamed {
		for len(d.want.asked) > 0 {
			d.restart()
		}
		s.connect(!strings.HasSuffix(d.named, s.prefix))
	} else {
		s.connect(true)
	}
	d.alter()
	d.settle()
}

// live lets some of the snapshot come, with live changes. It says whether the
// connector began again.
func (d *syncDrive) live() (again bool) {
	s := d.source
	for range rapid.IntRange(0, 8).Draw(d.rt, "steps of the snapshot") {
		switch rapid.IntRange(0, 11).Draw(d.rt, "step of the snapshot") {
		case 0, 1:
			s.transaction()
		case 2:
			again = again || len(s.snapshot) > 0
			s.kill()
		case 3:
			d.crashAt = rapid.IntRange(0, 40).Draw(d.rt, "point")
		case 4:
			d.strike()
		case 5:
			d.restart()
		case 6:
			again = true
			s.lose()
			s.transaction()
			s.connect(false)
		default:
			s.send(rapid.IntRange(1, 5).Draw(d.rt, "send"))
			d.batch()
		}
	}
	d.crashAt = -1
	return again
}

// rest sends and reads everything.
func (d *syncDrive) rest() {
	d.source.send(d.source.unsent())
	for d.batch() {
	}
}

// compare fails unless the tables are those of the model.
func (d *syncDrive) compare(when string) {
	if d.ending != nil && d.ending.touched != nil {
		return // it may have closed a part
	}
	for _, t := range d.source.tables {
		got := model{t.name: d.versions(t)}
		if diff := cmp.Diff(d.want.lines(t.name), got.lines(t.name)); diff != "" {
			d.rt.Fatalf("table %s %s (-model +warehouse):\n%s", t.name, when, diff)
		}
	}
	var gap bool
	d.check(d.pool.QueryRow(d.Context(), "SELECT EXISTS (SELECT FROM metadb.source_gap WHERE kind = 'forced' AND cleared_at IS NULL)").Scan(&gap))
	if gap != d.want.gap {
		d.rt.Fatalf("%s: unsynchronized by an early endsync: %t, want %t", when, gap, d.want.gap)
	}
}

// equalsSource fails unless the current rows are those of the source; more of them
// where what a snapshot has confirmed that was broken off, or old events have brought
// after the endsync, may be left.
func (d *syncDrive) equalsSource(more bool) {
	for _, t := range d.source.tables {
		current := make(map[string]string)
		for _, v := range d.want.model[t.name] {
			if v.end == 0 {
				current[v.row["k"].class] = v.row["v"].class
			}
		}
		for k, v := range d.source.rows[t] {
			key, value := syncKey.kind.values[k].class, syncValue.kind.values[v].class
			if current[key] != value {
				d.rt.Fatalf("table %s, row %s: %q, want %q", t.name, key, current[key], value)
			}
			delete(current, key)
		}
		if len(current) > 0 && !more {
			d.rt.Fatalf("table %s has rows that the source has not: %v", t.name, current)
		}
	}
}

// versions reads a table, and fails where two versions of a key overlap.
func (d *syncDrive) versions(t *modelTable) []modelVersion {
	var there bool
	d.check(d.pool.QueryRow(d.Context(), "SELECT to_regclass($1) IS NOT NULL", "m."+t.name).Scan(&there))
	if !there {
		return nil
	}
	rows, err := d.pool.Query(d.Context(), fmt.Sprintf(`SELECT k::text, v, (extract(epoch FROM __start) * 1000)::bigint,
		CASE WHEN __current THEN 0 ELSE (extract(epoch FROM __end) * 1000)::bigint END,
		EXISTS (SELECT FROM m.%[1]s__ o WHERE o.k = h.k AND o.__id <> h.__id AND o.__start < h.__end AND h.__start < o.__end AND o.__start < o.__end)
		FROM m.%[1]s__ h WHERE __current = (tableoid = 'm.%[1]s'::regclass) AND __current = (__end = '9999-12-31 00:00:00+00')`, t.name))
	d.check(err)
	versions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (modelVersion, error) {
		var k, v string
		var version modelVersion
		var overlaps bool
		err := row.Scan(&k, &v, &version.start, &version.end, &overlaps)
		if version.row = (modelRow{"k": same(k, k), "v": same(v, v)}); overlaps && err == nil {
			err = fmt.Errorf("table %s, row %s: versions overlap", t.name, k)
		}
		return version, err
	})
	d.check(err)
	return versions
}

// emptySync removes what the last sequence left, and makes a source.
func (d *syncDrive) emptySync(mode int16) error {
	tables := strings.Fields(`table_owner table_source data_table base_table source_offset dead_letter apply_ledger row_position truncation
		keyless_seen source_sync sync_attempt sync_boundary sync_table sync_mark_late sync_mark_batch sync_gone sync_letter source_state
		source_stream source source_gap request`)
	_, err := d.pool.Exec(d.Context(), "DROP SCHEMA IF EXISTS m CASCADE; DELETE FROM metadb."+strings.Join(tables, "; DELETE FROM metadb."))
	if err == nil {
		_, err = d.pool.Exec(d.Context(), "INSERT INTO metadb.source (name, enable, brokers, topics, consumer_group, sync) VALUES ('s', true, 'b', '^[a]\\.', 'g', $1)", mode)
	}
	return err
}
