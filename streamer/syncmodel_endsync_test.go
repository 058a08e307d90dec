package streamer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"metadb/catalog"
)

// syncEnding is an endsync that was asked for and is not over.
type syncEnding struct {
	forced, refused bool
	stale           bool              // it was asked for about an earlier synchronization
	before          [][]modelVersion  // per table, what was there
	gone            []map[string]bool // the keys of the rows to be closed
	touched         []map[string]bool // those of which records were applied since
	loose           bool              // a new snapshot began beside it: any row may be touched
	batches         bool              // were applied beside it
}

// touch notes that an event was applied beside the endsync.
func (e *syncEnding) touch(ev *syncEvent, m *syncModel) {
	e.batches = true
	e.loose = e.loose || ev.op == 'r' && ev.tx == m.gen.snapshotAt() || ev.op == 't'
	for i, t := range m.tables {
		if t == ev.table && e.touched != nil {
			e.touched[i][ev.key.id()] = true
		}
	}
}

// endsync asks for the end of a synchronization, or lets the one that was asked for
// go on.
func (d *syncDrive) endsync(forced bool) {
	m := d.want
	if d.ending == nil {
		exact := d.counted()
		code := d.call("endsync_data_source('s', NULL, NULL, $1)", forced)
		resync := m.mode == catalog.SyncResync
		begun := len(m.asked) == 0 && m.gen != nil && m.gen.adopted
		switch {
		case m.mode == catalog.SyncNone, resync && !begun, resync && exact && !forced && m.guarded():
			if code != "55000" {
				d.rt.Fatalf("ENDSYNC, forced %t: %q", forced, code)
			}
		case code != "" && (forced || exact || !resync):
			d.rt.Fatalf("ENDSYNC, forced %t: %q", forced, code)
		}
		if code != "" {
			d.compare("after an endsync that was refused")
			return
		}
		d.ending = &syncEnding{forced: forced}
	}
	if rapid.IntRange(0, 4).Draw(d.rt, "goes on") > 0 {
		d.goOn()
	}
}

// goOn lets the endsync that was asked for go on to its end, or die on the way.
func (d *syncDrive) goOn() {
	m, e := d.want, d.ending
	initial := m.mode == catalog.SyncInitial
	if e.touched == nil || !d.found("SELECT FROM metadb.source_sync WHERE endsync_at IS NOT NULL") {
		*e = syncEnding{forced: e.forced, stale: e.stale, refused: e.stale || !e.forced && m.guarded()}
		for _, t := range m.tables {
			e.before = append(e.before, slices.Clone(m.model[t.name]))
			e.gone, e.touched = append(e.gone, m.unconfirmed(t)), append(e.touched, make(map[string]bool))
		}
	}
	run := d.present
	if n := len(d.zombies); n > 0 && !initial && rapid.IntRange(0, 3).Draw(d.rt, "by a run that was replaced") == 3 {
		run = d.zombies[n-1]
	}
	over := d.dying(func() {
		if initial {
			d.check(run.applying.endInitial(run.ctx))
		} else {
			d.check(run.applying.endsyncNext(run.ctx))
		}
	})
	var state, detail string
	d.check(d.pool.QueryRow(d.Context(), "SELECT state, coalesce(detail, '') FROM metadb.request WHERE kind = 'endsync' ORDER BY id DESC LIMIT 1").Scan(&state, &detail))
	d.rt.Logf("endsync: died %t, %s %s", over, state, detail)
	switch {
	case state == "done":
		d.ended(e, detail)
	case state == "failed" && (e.refused || e.batches):
		d.ending = nil
	case state == "failed" || !over:
		d.rt.Fatalf("endsync: %s %s", state, detail)
	}
	if over && run == d.present {
		run.stop()
		d.check(d.settled())
		d.start()
	}
	d.compare("after an endsync")
}

// ended takes in an endsync that is over.
func (d *syncDrive) ended(e *syncEnding, detail string) {
	m := d.want
	if e.refused && !e.batches {
		d.rt.Fatalf("an endsync has passed that must be refused: %s", detail)
	}
	var at time.Time
	d.check(d.pool.QueryRow(d.Context(), "SELECT coalesce(max(endsync_at), '1970-01-01') FROM metadb.data_table").Scan(&at))
	sum := 0
	d.adopt()
	for i, t := range m.tables {
		for key := range e.gone[i] {
			if !e.touched[i][key] {
				m.close(t, key, at.UnixMilli())
			}
			sum++
		}
	}
	closed := 0
	if _, err := fmt.Sscanf(detail, "%d records marked as deleted", &closed); err == nil {
		if !e.batches && closed != sum {
			d.rt.Fatalf("%s, want %d", detail, sum)
		}
		m.gap = m.gap && !m.gen.complete || !m.gen.complete && closed > 0
	} else if sum > 0 {
		d.rt.Fatalf("%s, want %d", detail, sum)
	}
	m.mode, d.ending = catalog.SyncNone, nil
	if m.gen != nil && m.gen.adopted {
		m.gen = nil
	}
	if rapid.Bool().Draw(d.rt, "the source's clock goes on") {
		d.source.now = max(d.source.now, time.Now().UnixMilli())
	}
}

// adopt takes over what has become of rows that an endsync may have closed, or not.
func (d *syncDrive) adopt() {
	e := d.ending
	for i, t := range d.want.tables {
		got := d.versions(t)
		for _, v := range got {
			if e.loose && e.touched != nil {
				e.touched[i][v.row["k"].class] = true
			}
		}
		if e.touched == nil {
			continue
		}
		if wrong := d.want.adopt(t, e.touched[i], got, e.before[i]); wrong != nil {
			d.rt.Fatalf("table %s after an endsync: %v", t.name, wrong)
		}
	}
}

// beside lets a batch come beside an endsync, where it holds no lock.
func (d *syncDrive) beside(point string) {
	switch strings.TrimPrefix(point, "endsync.") {
	case "begun", "collected", "checked", "committed", "closed":
		if d.want.mode != catalog.SyncResync || rapid.IntRange(0, 3).Draw(d.rt, "beside the endsync") > 0 {
			return
		}
		crash := d.crashAt
		d.crashAt = -1
		d.source.transaction()
		d.source.send(5)
		d.batch()
		d.crashAt = crash
	}
}
