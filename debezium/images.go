package debezium

import (
	"metadb/change"
)

// readKeyless fills the images of an event without a key: both, where sent.
func (d *Decoder) readKeyless(value []byte, a *change.Arena, ev *change.Event) *BadEvent {
	out := d.envelope.payload.out
	o := d.envelope.row()
	d.after = append(d.after[:0], o.out...)
	d.before = d.before[:0]
	hasBefore := (ev.Op == change.Update || ev.Op == change.Delete) && out[slotBefore].kind == objectVal
	if ev.Op == change.Delete {
		clear(d.after)
		if !hasBefore {
			return nil
		}
	}
	if hasBefore {
		o.reset()
		o.scan(value, int(out[slotBefore].off), 3)
		d.before = append(d.before, o.out...)
		clear(o.out)
		copy(o.out, d.after)
	}
	var r *row
	if schema := d.envelope.current; schema != nil {
		r = d.schemaRow(schema)
	} else {
		var ok bool
		if r, ok = d.bare.of(ev.Schema, ev.Table, value, o, d.before, d.shapes); !ok {
			return badEvent(RuleType, "")
		}
	}
	d.values.dirty = d.envelope.dirty
	ev.Shape = r.shape
	var bad *BadEvent
	if ev.Op != change.Delete {
		if ev.Row, bad = d.appendRow(value, out[slotAfter], d.after, r, a, ev); bad != nil {
			return bad
		}
	}
	if hasBefore {
		ev.Before, bad = d.appendRow(value, out[slotBefore], d.before, r, a, ev)
	}
	return bad
}

// appendRow encodes one image of a row.
func (d *Decoder) appendRow(value []byte, image span, members []span, r *row, a *change.Arena, ev *change.Event) (change.Tuple, *BadEvent) {
	t := change.Tuple(a.Start(r.room(image)))
	for i := range r.cols {
		d.values.repaired = false
		var rule Rule
		if t, rule = d.values.append(t, value, r.at(members, i), &r.cols[i]); rule != "" {
			// The key's columns were read before: what is bad here is none of them.
			if !d.nulling.on {
				return nil, badEvent(rule, r.cols[i].name)
			}
			t = change.AppendNull(t)
			d.nulling.note(ev, r.cols[i].name, rule)
			continue
		}
		if d.values.repaired {
			ev.Repaired++
		}
	}
	return a.Commit(t), nil
}

// appendKeyColumn encodes a value of a key, which must be there and storable as
// it is: two keys repaired to the same text would close each other's rows.
func (d *Decoder) appendKeyColumn(t change.Tuple, b []byte, s span, c *column) (change.Tuple, *BadEvent) {
	if d.values.isMissing(b, s, c) {
		return t, badEvent(RuleKey, c.name)
	}
	d.values.repaired = false
	t, rule := d.values.append(t, b, s, c)
	if rule == "" && d.values.repaired {
		rule = RuleKeyText
	}
	if rule != "" {
		return t, badEvent(rule, c.name)
	}
	return t, nil
}

// appendKey fills the key from the record's key, by the key's own schema.
func (d *Decoder) appendKey(a *change.Arena, ev *change.Event) *BadEvent {
	k := &d.key
	d.values.dirty = k.dirty
	var r *row
	var members []span
	if k.schema != nil {
		r, members = &row{shape: k.schema.shape, cols: k.schema.cols}, k.schema.row.out
	} else {
		r, members = k.bareRow(d.shapes), k.bare.out
	}
	t := change.Tuple(a.Start(r.room(k.span())))
	for i := range r.cols {
		s := r.at(members, i)
		if s.kind == absent {
			return badEvent(RuleKey, r.cols[i].name)
		}
		var bad *BadEvent
		if t, bad = d.appendKeyColumn(t, k.bytes, s, &r.cols[i]); bad != nil {
			return bad
		}
	}
	ev.KeyShape, ev.Key = r.shape, a.Commit(t)
	return nil
}
