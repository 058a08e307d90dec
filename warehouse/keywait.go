package warehouse

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"metadb/change"
)

// KeyWait says that an event has lost its key, and that the key of its table is not
// known yet (rule R12): which rows it concerns cannot be told. It waits until
// another event brings the key, or until that is given up.
type KeyWait struct{ Schema, Table string }

// Error says which table waits, and for what.
func (w *KeyWait) Error() string {
	return fmt.Sprintf("table %s.%s waits for its key: the connector damages its name in streamed events and then sends no key; "+
		"events under the right name bring it, as those of a snapshot", w.Schema, w.Table)
}

// awaitsKey says whether an event waits for its table's key.
func (a *Applier) awaitsKey(n tableName, ev *change.Event) bool {
	if !ev.KeyLost || a.waived[n] {
		return false
	}
	t := a.tables[n]
	return t == nil || !t.keyKnown
}

// loadWaived reads of which tables the key is no longer waited for. Their events are
// then applied as those of a table without a key, as far as that finds their rows.
func (a *Applier) loadWaived(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "SELECT schema_name, table_name FROM metadb.key_wait WHERE source = $1 AND given_up_at IS NOT NULL", a.source)
	if err != nil {
		return fmt.Errorf("load waits for keys: %w", err)
	}
	a.waived = make(map[tableName]bool)
	var n tableName
	_, err = pgx.ForEachRow(rows, []any{&n.schema, &n.table}, func() error {
		a.waived[n] = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("load waits for keys: %w", err)
	}
	return nil
}

// lost fails at an event without its key that has found no row to end: there may be
// one, which only the key would find.
func (l *lane) lost() error {
	for _, ev := range l.missed {
		if ev.KeyLost && !l.t.keyKnown {
			return ErrNoKey
		}
	}
	return nil
}
