package streamer

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"metadb/catalog"
)

// call runs a statement's routine and returns the SQLSTATE of its refusal; "" if it
// was not refused.
func (d *syncDrive) call(sql string, arguments ...any) string {
	_, err := d.pool.Exec(d.Context(), "CALL metadb."+sql, arguments...)
	d.rt.Logf("%s %v: %v", sql, arguments, err)
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	d.check(err)
	return ""
}

// sync begins a synchronization. The worker turns to it at once, or reads on first.
func (d *syncDrive) sync() {
	code := d.call("sync_data_source('s')")
	if code != "" {
		if d.ending == nil || code != "55006" {
			d.rt.Fatalf("SYNC was refused: %s", code)
		}
		return
	}
	d.want.ask(catalog.RequestSync, catalog.SyncResync)
	switch rapid.IntRange(0, 3).Draw(d.rt, "turns at once") {
	case 2:
		d.restart()
	case 3:
		d.race()
	}
}

// cancel leaves synchronization: nothing is closed.
func (d *syncDrive) cancel() {
	if code := d.call("cancel_sync('s')"); code != "" {
		if d.want.mode != catalog.SyncNone && d.ending == nil {
			d.rt.Fatalf("CANCEL SYNC was refused: %s", code)
		}
		return
	}
	d.want.ask(catalog.RequestCancelSync, catalog.SyncNone)
	d.ending = nil
	if rapid.Bool().Draw(d.rt, "turns at once") {
		d.restart()
	}
	d.compare("after the synchronization was cancelled")
}

// alter lets the source read the topics of the present connector, alone or beside those
// of the last one.
func (d *syncDrive) alter() {
	last := d.named[len(d.named)-1:]
	if d.source.prefix == last {
		return
	}
	named, actions := d.source.prefix, []string(nil)
	switch rapid.IntRange(0, 3).Draw(d.rt, "topics of before") {
	case 0:
		actions = append(actions, "set", "consumer_group", "g"+named)
	case 1:
		// What is read before, the program knows only once there are tables.
		if d.found("SELECT FROM metadb.table_owner") {
			named = last + named
		}
	}
	actions = append(actions, "set", "topics", "^["+named+`]\.`)
	d.check(d.place(d.present))
	d.call("alter_data_source('s', $1)", actions)
	d.named = named
	before := d.want.gen
	d.restart()
	if d.ending != nil && d.want.gen != before { // what it has closed it has closed
		d.ending.loose = true
		d.adopt()
		d.want.gap = d.found("SELECT FROM metadb.source_gap WHERE kind = 'forced' AND cleared_at IS NULL")
		d.ending = &syncEnding{forced: d.ending.forced, stale: d.want.mode == catalog.SyncResync}
	}
}

// look lets the worker look whether the snapshot is complete, and count.
func (d *syncDrive) look() {
	m, r := d.want, d.present
	w := r.applying.worker
	c := &completion{worker: w, consumer: r.applying.consumer, notices: &notices{worker: w}, readable: d.readable}
	c.sync.grace, c.sync.deadline, c.began = 0, time.Hour, time.Now()
	over := d.dying(func() { d.check(c.look(d.Context())) })
	if g := m.gen; d.ending == nil && m.mode != catalog.SyncNone && g != nil {
		drained := true
		for _, e := range d.source.ends(r.prefix) {
			drained = drained && m.read[partition{e.Topic, e.Partition}] == e.From
		}
		want := g.complete || drained && g.lastSeen()
		g.complete = d.found("SELECT FROM metadb.source_sync WHERE complete_at IS NOT NULL")
		if g.complete != want && !over {
			d.rt.Fatalf("snapshot complete %t, want %t", g.complete, want)
		}
	}
	if over {
		r.stop()
		d.start()
		return
	}
	d.check(r.applying.tendMarks(d.Context()))
	d.explain()
}

// readable are the ends of the partitions that the present run reads.
func (d *syncDrive) readable(context.Context) (map[partition]int64, error) {
	ends := make(map[partition]int64)
	for _, e := range d.source.ends(d.present.prefix) {
		ends[partition{e.Topic, e.Partition}] = e.From
	}
	return ends, nil
}

// explain compares what an endsync would close now.
func (d *syncDrive) explain() {
	m := d.want
	if m.mode != catalog.SyncResync || len(m.asked) > 0 || d.ending != nil {
		return
	}
	for _, t := range m.tables {
		var n int
		d.check(d.pool.QueryRow(d.Context(), "SELECT coalesce(sum(to_be_closed), 0) FROM metadb.explain_endsync('s') WHERE table_name = $1", t.name).Scan(&n))
		if want := m.unconfirmed(t); n != len(want) {
			d.rt.Fatalf("table %s: an endsync would close %d rows, want %v", t.name, n, want)
		}
	}
}

// counted lets the counters be exact, or not.
func (d *syncDrive) counted() bool {
	if rapid.Bool().Draw(d.rt, "counted") {
		return false
	}
	_, err := d.pool.Exec(d.Context(), "UPDATE metadb.source_sync SET counts = counts + 1")
	d.check(err)
	d.check(d.present.applying.tendMarks(d.Context()))
	return true
}

func (d *syncDrive) found(query string) (found bool) {
	d.check(d.pool.QueryRow(d.Context(), "SELECT EXISTS ("+query+")").Scan(&found))
	return found
}
