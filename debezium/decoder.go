package debezium

import (
	"log/slog"
	"time"

	"metadb/change"
)

// Result says what a record was.
type Result uint8

// Change is the only result that fills an event. Tombstone is a record without
// value. NotChange is a heartbeat, a transaction mark or a foreign payload.
// IgnoredOp is a logical message or an operation that is not known.
const (
	Change Result = iota
	Tombstone
	NotChange
	IgnoredOp
)

// Options are a source's settings that change how its records are read.
type Options struct {
	// Placeholder is the connector's unavailable.value.placeholder; empty means
	// DefaultPlaceholder.
	Placeholder string
	// Shapes is shared by the decoders of a source, so that equal column lists
	// are one pointer; nil means that the decoder has its own.
	Shapes *Shapes
	// Log gets one warning for each new schema with columns of unknown types and
	// for each table without schema; nil means nobody is told.
	Log *slog.Logger
	// NullBadValues stores NULL for a value outside of the key that its column
	// cannot take, in place of a BadEvent.
	NullBadValues bool
	// Now is the clock by which warnings of such values are spaced; nil means
	// time.Now.
	Now func() time.Time
}

// Decoder turns the records of one topic into events. It remembers the schemas
// it has seen and is not safe for concurrent use.
type Decoder struct {
	log      *slog.Logger
	shapes   *Shapes
	envelope envelope
	key      keyReader
	values   values
	names    names
	bare     bareRows
	nulling  nulling
	schemaed row // the row of the schema at hand

	after, before []span // copies of a row's slots while both images are read
}

// NewDecoder returns a decoder for one topic.
func NewDecoder(o Options) *Decoder {
	d := &Decoder{
		log:      o.Log,
		shapes:   o.Shapes,
		envelope: newEnvelope(),
		key:      newKeyReader(),
		values:   newValues(o.Placeholder),
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.shapes == nil {
		d.shapes = NewShapes()
	}
	d.nulling = nulling{on: o.NullBadValues, now: o.Now, log: d.log}
	if d.nulling.now == nil {
		d.nulling.now = time.Now
	}
	return d
}

// Decode decodes one record into ev, which it resets; the tuples go into a. The
// error is a *BadEvent: the record must become a dead letter. Then ev holds
// what could be read of its table, its time and its key.
//
// Nothing of the record is kept: its bytes lie in a whole answer of the broker, which
// a topic that is quiet afterwards would hold in memory.
func (d *Decoder) Decode(key, value []byte, a *change.Arena, ev *change.Event) (Result, error) {
	result, err := d.decode(key, value, a, ev)
	d.key.bytes = nil
	return result, err
}

func (d *Decoder) decode(key, value []byte, a *change.Arena, ev *change.Event) (Result, error) {
	*ev = change.Event{}
	if len(value) == 0 {
		return Tombstone, nil
	}
	result, bad := d.envelope.read(value, d.shapes)
	if bad != nil {
		d.salvage(key, value, a, ev)
		return NotChange, bad
	}
	if result != Change {
		return result, nil
	}
	out := d.envelope.payload.out
	if !out[slotOp].isString() {
		return NotChange, nil
	}
	op := d.values.plain(value, out[slotOp])
	if len(op) != 1 {
		return NotChange, nil
	}
	switch op[0] {
	case 'c':
		ev.Op = change.Create
	case 'r':
		ev.Op = change.Read
	case 'u':
		ev.Op = change.Update
	case 'd':
		ev.Op = change.Delete
	case 't':
		ev.Op = change.Truncate
	default:
		return IgnoredOp, nil
	}
	ev.SentMs, _ = integerAt(value, out[slotTs])
	bad = d.readSource(value, ev)
	if bad == nil && ev.Op == change.Truncate {
		return Change, nil
	}
	if keyBad := d.key.read(key, d.shapes); bad == nil {
		bad = keyBad
	}
	if bad == nil {
		bad = d.readRow(value, a, ev)
	}
	if bad != nil {
		if ev.Key == nil && ev.Op != change.Truncate {
			d.salvageKey(a, ev)
		}
		return Change, bad
	}
	return Change, nil
}

// readRow fills the images and the key of an event whose key was read.
func (d *Decoder) readRow(value []byte, a *change.Arena, ev *change.Event) *BadEvent {
	schema := d.envelope.current
	if schema != nil && !schema.ok {
		return badEvent(RuleSchema, "")
	}
	d.warn(schema, ev)
	out := d.envelope.payload.out
	image := out[slotAfter]
	if ev.Op != change.Delete && image.kind != objectVal {
		return badEvent(RuleRow, "")
	}
	if ev.Op == change.Delete {
		if d.key.found && (schema == nil || d.key.plan(d.schemaRow(schema), d.shapes).shape != nil) {
			return d.appendKey(a, ev)
		}
		return d.readKeyless(value, a, ev)
	}
	var r *row
	if schema != nil {
		r = d.schemaRow(schema)
	} else {
		r, _ = d.bare.of(ev.Schema, ev.Table, value, d.envelope.bare, nil, d.shapes)
	}
	var plan *keyPlan
	if d.key.found {
		plan = d.key.plan(r, d.shapes)
	}
	if plan == nil || plan.shape == nil {
		return d.readKeyless(value, a, ev)
	}
	members := d.envelope.row().out
	d.values.dirty = d.envelope.dirty
	t := change.Tuple(a.Start(r.room(d.key.span())))
	var bad *BadEvent
	for _, i := range plan.at {
		s := r.at(members, int(i))
		if s.kind == absent { // rows of different keys would count as one
			return badEvent(RuleKey, r.cols[i].name)
		}
		if t, bad = d.appendKeyColumn(t, value, s, &r.cols[i]); bad != nil {
			return bad
		}
	}
	ev.KeyShape, ev.Key = plan.shape, a.Commit(t)
	ev.Shape = r.shape
	ev.Row, bad = d.appendRow(value, image, members, r, a, ev)
	return bad
}

// warn tells once what will arrive in a poorer form than the source has it.
func (d *Decoder) warn(schema *entry, ev *change.Event) {
	if schema == nil {
		if d.bare.isNew(ev.Schema, ev.Table) {
			d.log.Warn("records have no schema: decimals, dates and bytes arrive undecoded", "schema", ev.Schema, "table", ev.Table,
				"hint", "set schemas.enable=true, or decimal.handling.mode=string and time.precision.mode=isostring")
		}
		return
	}
	if len(schema.odd) > 0 {
		d.log.Warn("columns of unknown type are kept as JSON", "schema", ev.Schema, "table", ev.Table, "columns", schema.odd)
		schema.odd = nil
	}
}

// schemaRow is the row of a schema that has columns.
func (d *Decoder) schemaRow(e *entry) *row {
	if e.plans == nil {
		e.plans = make(map[*entry]*keyPlan)
	}
	d.schemaed = row{shape: e.shape, cols: e.cols, plans: e.plans}
	return &d.schemaed
}
