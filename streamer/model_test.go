package streamer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The plain model: what a warehouse must hold when the events of a source are
// applied one by one, each once, in the source's own order. Everything else in the
// model tests (partitions, batches, crashes, repetitions) must not change it.

// modelValue is a value of the simulated source.
type modelValue struct {
	json  string // as the connector sends it
	text  string // as PostgreSQL prints it
	class string // equal for values that PostgreSQL takes for equal
}

var modelNull = modelValue{json: "null", text: `\N`, class: `\N`}

// modelRow holds the values of a row by column; absent ones are NULL.
type modelRow map[string]modelValue

// modelVersion is a version of a row.
type modelVersion struct {
	start, end int64 // ms; end 0: current
	row        modelRow
}

// model holds every version of every table.
type model map[string][]modelVersion

// apply applies one event, with the values that the source has, whether or not
// the connector sent them.
func (m model) apply(e *modelEvent) {
	versions := m[e.table.name]
	if e.table.keyless && e.op != 't' {
		m.applyKeyless(e)
		return
	}
	current := slices.IndexFunc(versions, func(v modelVersion) bool { return v.end == 0 && e.concerns(v.row) })
	switch e.op {
	case 't':
		for i := range versions {
			if versions[i].end == 0 {
				versions[i].end = max(e.ts, versions[i].start)
			}
		}
	case 'd':
		if current >= 0 {
			versions[current].end = max(e.ts, versions[current].start)
		}
	default:
		row, at := maps.Clone(e.row), e.ts
		for _, v := range versions { // later than the source says only where an endsync closed the key
			if e.concerns(v.row) {
				at = max(at, v.start, v.end)
			}
		}
		if current >= 0 {
			row.keep(versions[current].row, e.unsent)
			// Inserted though it is there: the source was restored to when it was not. In
			// topics of several partitions that looks as if a truncate were still to come.
			again := e.op == 'c' && e.table.partitions > 1
			if versions[current].row.equal(row) && !again {
				return
			}
			versions[current].end = at
		}
		if e.oldKey != nil {
			row.keep(m.lastOf(e), e.unsent)
		}
		m[e.table.name] = append(versions, modelVersion{start: at, end: 0, row: row})
	}
}

// applyKeyless ends one row that was as the event says, and adds one. Columns that the
// source has dropped meanwhile do not tell rows apart.
func (m model) applyKeyless(e *modelEvent) {
	versions := m[e.table.name]
	if e.before != nil {
		i := slices.IndexFunc(versions, func(v modelVersion) bool {
			return v.end == 0 && e.ends(v.row)
		})
		if i >= 0 {
			versions[i].end = e.ts
		}
	}
	if e.op != 'd' {
		versions = append(versions, modelVersion{start: e.ts, row: e.row})
	}
	m[e.table.name] = versions
}

// ends says whether a row is as the event says that it was.
func (e *modelEvent) ends(row modelRow) bool {
	return !slices.ContainsFunc(e.columns, func(c modelColumn) bool { return row.get(c.name).text != e.before.get(c.name).text })
}

// lastOf is the row that had the event's old key last.
func (m model) lastOf(e *modelEvent) modelRow {
	old := &modelEvent{op: 'd', keys: e.keys, key: e.oldKey}
	for _, v := range slices.Backward(m[e.table.name]) {
		if old.concerns(v.row) {
			return v.row
		}
	}
	return nil
}

// keep leaves values that were not sent in the form that they are stored in.
func (r modelRow) keep(stored modelRow, unsent map[string]bool) {
	for c := range unsent {
		if v := stored.get(c); v.class == r.get(c).class {
			r[c] = v
		}
	}
}

// concerns says whether the event's key is that of a row.
func (e *modelEvent) concerns(row modelRow) bool {
	for i, c := range e.keys {
		if e.op == 't' || row.get(c.name).class != e.key[i].class {
			return false
		}
	}
	return true
}

func (r modelRow) get(column string) modelValue {
	if v, ok := r[column]; ok {
		return v
	}
	return modelNull
}

func (r modelRow) equal(o modelRow) bool {
	for c := range r {
		if r[c].class != o.get(c).class {
			return false
		}
	}
	for c := range o {
		if o[c].class != r.get(c).class {
			return false
		}
	}
	return true
}

// columns are those that the versions of a table ever had, in order.
func (m model) columns(table string) []string {
	names := make(map[string]bool)
	for _, v := range m[table] {
		for c := range v.row {
			names[c] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// lines renders the versions of a table, sorted.
func (m model) lines(table string) []string {
	var lines []string
	columns := m.columns(table)
	for _, v := range m[table] {
		end := "now"
		if v.end != 0 {
			end = fmt.Sprint(v.end)
		}
		fields := []string{fmt.Sprint(v.start), end}
		for _, c := range columns {
			text := v.row.get(c).text
			if len(text) > 64 {
				text = fmt.Sprintf("%s… (%d)", text[:4], len(text))
			}
			fields = append(fields, text)
		}
		lines = append(lines, strings.Join(fields, "|"))
	}
	slices.Sort(lines)
	return lines
}

// halves takes the lines of a table without a key apart into beginnings and ends: which
// of some equal rows has ended is all the same. lasting says which columns the source
// has never dropped; only by these its ends tell rows apart.
func halves(lines []string, lasting []bool) []string {
	var out []string
	for _, line := range lines {
		fields := strings.Split(line, "|")
		start, end, row := fields[0], fields[1], fields[2:]
		out = append(out, "begin "+start+": "+strings.Join(row, "|"))
		var kept []string
		for i, text := range row {
			if lasting[i] {
				kept = append(kept, text)
			}
		}
		out = append(out, "end "+end+": "+strings.Join(kept, "|"))
	}
	slices.Sort(out)
	return out
}

// lasting says which columns all events of a table have that come after the first one
// that has them.
func (d *modelDelivery) lasting(table string, columns []string) []bool {
	lasting := make([]bool, len(columns))
	for i, name := range columns {
		lasting[i] = true
		came := false
		for _, e := range d.log {
			if e.table.name != table || e.op == 't' {
				continue
			}
			has := slices.ContainsFunc(e.columns, func(c modelColumn) bool { return c.name == name })
			lasting[i] = lasting[i] && (has || !came)
			came = came || has
		}
	}
	return lasting
}

// joined puts versions of one row together that follow one another: an event that is
// read behind a later, equal one makes a version of its own.
func joined(lines []string) []string {
	var out []string
	last := make(map[string]int) // by row: its last version in out
	for _, line := range lines {
		fields := strings.SplitN(line, "|", 3)
		if i, ok := last[fields[2]]; ok {
			before := strings.SplitN(out[i], "|", 3)
			if before[1] == fields[0] {
				out[i] = before[0] + "|" + fields[1] + "|" + fields[2]
				continue
			}
		}
		last[fields[2]] = len(out)
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}
