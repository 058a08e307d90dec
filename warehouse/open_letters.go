package warehouse

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"metadb/change"
)

// hashSize is the length in bytes of the hash of a letter's key.
const hashSize = 16

// letterKey is what dead letters and later events are matched by: the table, as
// the source names it, and a hash of the key; of the whole row in a table without
// a key.
type letterKey struct {
	schema, table string
	hash          [hashSize]byte
}

// openLetter is a dead letter that no later event has overtaken yet.
type openLetter struct {
	id    int64
	key   letterKey
	keyed bool // the key could be read
}

// openLetters are those of one source.
type openLetters struct {
	byKey   map[letterKey][]*openLetter
	byTable map[tableName][]*openLetter
	// truncates are those of truncates, whether overtaken or not, with their times.
	truncates map[tableName]map[int64]int64
}

// loadLetters reads the source's dead letters.
func (a *Applier) loadLetters(ctx context.Context) error {
	a.open = openLetters{
		byKey: make(map[letterKey][]*openLetter), byTable: make(map[tableName][]*openLetter),
		truncates: make(map[tableName]map[int64]int64),
	}
	rows, err := a.conn.Query(ctx, `
		SELECT id, schema_name, table_name, op, coalesce(ts_ms, 0), key_hash FROM metadb.dead_letter
		WHERE source = $1 AND (next_ts_ms IS NULL OR op = $2)`, a.source, change.Truncate.String())
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	var id, ts int64
	var n tableName
	var op string
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&id, &n.schema, &n.table, &op, &ts, &hash}, func() error {
		a.open.add(id, n, op == change.Truncate.String(), ts, hash)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	return nil
}

// add takes a stored letter in; hash is nil when its key could not be read.
func (o *openLetters) add(id int64, n tableName, truncate bool, ts int64, hash []byte) {
	if truncate {
		if o.truncates[n] == nil {
			o.truncates[n] = make(map[int64]int64)
		}
		o.truncates[n][id] = ts
		return
	}
	l := &openLetter{id: id, key: letterKey{schema: n.schema, table: n.table}}
	if l.keyed = len(hash) == hashSize; l.keyed {
		l.key.hash = [hashSize]byte(hash)
		o.byKey[l.key] = append(o.byKey[l.key], l)
	}
	o.byTable[n] = append(o.byTable[n], l)
}

// remove leaves out letters that were overtaken or are no more.
func (o *openLetters) remove(ids []int64) {
	if len(ids) == 0 {
		return
	}
	set := make(map[int64]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	gone := func(l *openLetter) bool { return set[l.id] }
	for key, list := range o.byKey {
		if list = slices.DeleteFunc(list, gone); len(list) == 0 {
			delete(o.byKey, key)
		} else {
			o.byKey[key] = list
		}
	}
	for n, list := range o.byTable {
		if list = slices.DeleteFunc(list, gone); len(list) == 0 {
			delete(o.byTable, n)
		} else {
			o.byTable[n] = list
		}
	}
}

// forget leaves out letters that are no more.
func (o *openLetters) forget(ids []int64) {
	o.remove(ids)
	for n, list := range o.truncates {
		for _, id := range ids {
			delete(list, id)
		}
		if len(list) == 0 {
			delete(o.truncates, n)
		}
	}
}

func (o *openLetters) empty() bool { return len(o.byTable) == 0 && len(o.truncates) == 0 }

// letterHash is the hash of a letter's key, nil if it cannot be told.
func (a *Applier) letterHash(d *change.DeadLetter) []byte {
	var t *table
	if to := d.Event.Target; to != nil {
		t = a.tables[tableName{to.Schema, to.Table}]
	}
	if d.Event.Op == change.Truncate || d.Table == "" {
		return nil
	}
	key, ok := letterKeyOf(t, &d.Event)
	if !ok {
		return nil
	}
	return key.hash[:]
}

// letterKeyOf is the key by which an event and letters are matched; ok is false when it
// cannot be told.
func letterKeyOf(t *table, ev *change.Event) (key letterKey, ok bool) {
	key = letterKey{schema: ev.Schema, table: ev.Table}
	switch {
	case ev.KeyShape != nil && ev.Key != nil:
		key.hash, ok = hashOf(ev.KeyShape, ev.Key, nil)
	case ev.KeyShape != nil || ev.Shape == nil:
	case t != nil && len(t.key) > 0 && ev.Row != nil: // its name was damaged
		key.hash, ok = hashOf(ev.Shape, ev.Row, t.keyNames())
	case t != nil && len(t.key) > 0:
		key.hash, ok = hashOf(ev.Shape, ev.Before, t.keyNames())
	case ev.Row != nil:
		key.hash, ok = hashOf(ev.Shape, ev.Row, nil)
	}
	return key, ok
}

// hashOf hashes the values of a row by the names of their columns, those of only or,
// if that is nil, all that are not NULL. The order of columns, and which of the
// integer types they have, make no difference. ok is false when a value was not
// sent, or none is there.
func hashOf(s *change.Shape, row change.Tuple, only []string) (hash [hashSize]byte, ok bool) {
	var fields []string
	for _, c := range s.Columns {
		if len(row) == 0 {
			return hash, false
		}
		v, n, rest := row.Next()
		row = rest
		name := columnName(c.Name)
		switch {
		case only != nil && !slices.Contains(only, name), n == change.Null:
			continue
		case n < 0:
			return hash, false
		}
		if isInt(c.Type) {
			v = int64Bytes(signed(v))
		}
		field := binary.BigEndian.AppendUint32(nil, uint32(len(name)))
		field = append(append(field, name...), v...)
		fields = append(fields, string(field))
	}
	slices.Sort(fields)
	h := sha256.New()
	for _, f := range fields {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(f))))
		h.Write([]byte(f))
	}
	return [hashSize]byte(h.Sum(nil)[:hashSize]), len(fields) > 0
}
