package streamer

import (
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// A source that is restored from a backup: its rows, its positions and its numbers of
// transactions are those of the backup again, and only the time goes on. What the
// source has forgotten stays in the warehouse until a resynchronization.

// save makes a backup.
func (s *modelSource) save() {
	s.backup = &modelSource{lsn: s.lsn, commit: s.commit, tx: s.tx}
	for _, t := range s.tables {
		s.backup.tables = append(s.backup.tables, t.clone())
	}
}

// restore goes back to the backup. The connector takes a snapshot then, or goes on
// with a new slot, perhaps without knowing of a commit before.
//
// Events of before that are read behind one of after it, from another topic or partition,
// end what the restored source has, where that found the rows as they were: it leaves no
// trace at them. See "What is not done yet" in docs/design.md.
func (s *modelSource) restore() {
	s.quiet = append(s.quiet, len(s.log))
	s.now += 1000
	s.lsn, s.commit, s.tx = s.backup.lsn, s.backup.commit, s.backup.tx
	for i, t := range s.backup.tables {
		added := s.tables[i].added // a column's name does not come twice
		s.tables[i] = t.clone()
		s.tables[i].added = added
	}
	if rapid.Bool().Draw(s.rt, "commit not known") {
		s.commit = 0
	}
	if rapid.Bool().Draw(s.rt, "snapshot after the restore") {
		s.snapshot()
		return
	}
	s.sendAll = true
	s.snapshots = append(s.snapshots, modelSnapshot{len(s.log), len(s.log)})
}

// clone copies a table's state, so that neither changes with the other.
func (t *sourceTableState) clone() *sourceTableState {
	c := *t
	c.columns, c.families = slices.Clone(t.columns), maps.Clone(t.families)
	c.rows = nil
	for _, r := range t.rows {
		c.rows = append(c.rows, maps.Clone(r))
	}
	return &c
}
