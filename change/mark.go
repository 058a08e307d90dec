package change

import (
	"slices"
	"time"
)

// runPause is how long the connector must have been silent between two keyless
// events of one source position for the second, equal one to count as sent again
// after a restart. A connector that goes on writing one COPY page never pauses so
// long; one that was killed takes longer to come back.
const runPause = 1000 // ms of Event.SentMs

// Mark remembers how far one partition has followed its source, so that what a
// restarted connector sends again is recognised (rule R2). The zero Mark has
// seen nothing.
//
// Events arrive in commit order, not in the order of their LSN, and the rows of
// one COPY page share an LSN. So the mark is the highest pair (CommitLSN, LSN)
// and beside it the highest commit time: a lower pair is a repetition, unless it
// is newer in time, which only a source restored to an earlier state can send.
type Mark struct {
	Set       bool
	CommitLSN uint64 // 0 while the source has not told it
	LSN       uint64
	TxID      int64  // of the event at the pair; 0: not known
	TopLSN    uint64 // highest LSN seen on the way to the pair
	TsMs      int64  // highest source.ts_ms seen

	// Events without a key cannot be recognised by their value. Run holds a hash
	// of each one applied at exactly the marked pair, in order; Again counts how
	// many of them a repetition has brought back, -1 outside of one.
	Run      []uint64
	Again    int
	LastSent int64 // SentMs of the last event at the marked pair
}

// Accept says whether ev is to be applied and moves the mark past it. Events
// without a source position, and snapshot rows, leave the mark alone, and their
// values decide; but a snapshot row below the mark in every respect is one that
// was read before the changes that followed it.
func (m *Mark) Accept(ev *Event) bool {
	if !ev.Pos.HasLSN {
		return true
	}
	if ev.Op == Read {
		return !m.Set || ev.Pos.LSN >= m.LSN || ev.TsMs > m.TsMs
	}
	order := m.compare(ev.Pos)
	switch {
	case order > 0:
		m.advance(ev, max(m.TopLSN, ev.Pos.LSN))
		return true
	case ev.TsMs > m.TsMs:
		// A restored source. Of one pair all events are of one commit; a newer one is
		// written again at the very place.
		m.advance(ev, ev.Pos.LSN)
		return true
	case order < 0:
		m.Again = 0
		return false
	}
	defer func() { m.LastSent = ev.SentMs }()
	m.TsMs = max(m.TsMs, ev.TsMs)
	if ev.KeyShape != nil || ev.Op == Truncate {
		return true
	}
	return m.acceptInRun(ev)
}

// KeepSeen is for how long the warehouse remembers the events without a key of
// topics with several partitions, in ms of the source's time.
const KeepSeen = int64(24 * time.Hour / time.Millisecond)

// AcceptShared is Accept for a topic of several partitions. There an event without a
// key that is sent again may come on another partition than before, so that no mark
// knows whether it was applied: the warehouse remembers, and decides.
func (m *Mark) AcceptShared(ev *Event) bool {
	ok := m.Accept(ev)
	return ok || ev.Unkeyed() && !ev.KeyLost && ev.TsMs > m.TsMs-KeepSeen
}

// Unkeyed says whether the event is a change without a key: one that is recognised
// by its values only. A snapshot sends no such row again: when it begins again, its
// rows have another position.
func (ev *Event) Unkeyed() bool {
	return ev.KeyShape == nil && ev.Op != Truncate && ev.Op != Read
}

// compare orders p against the marked pair: above, equal to or below zero. Within one
// transaction the LSN decides. A pair of another one whose first half is unknown is
// certainly new only if its LSN is higher than all: transactions overlap, and so the
// marked LSN may be lower than earlier ones. A mark without a first half lies before
// every pair that has one.
func (m *Mark) compare(p Position) int {
	switch {
	case !m.Set:
		return 1
	case p.TxID != 0 && p.TxID == m.TxID && (m.CommitLSN == 0) == p.HasCommit:
		return order(p.LSN, m.LSN)
	case p.HasCommit && p.CommitLSN != m.CommitLSN:
		return order(p.CommitLSN, m.CommitLSN)
	case !p.HasCommit && p.TxID != m.TxID && p.LSN != m.LSN:
		if p.LSN > max(m.TopLSN, m.LSN) {
			return 1
		}
		return -1
	}
	return order(p.LSN, m.LSN)
}

func order(a, b uint64) int {
	switch {
	case a > b:
		return 1
	case a < b:
		return -1
	}
	return 0
}

// advance puts the mark at ev's pair; top is the highest LSN on the way there.
func (m *Mark) advance(ev *Event, top uint64) {
	m.Set, m.TxID, m.TopLSN = true, ev.Pos.TxID, top
	m.CommitLSN = 0
	if ev.Pos.HasCommit {
		m.CommitLSN = ev.Pos.CommitLSN
	}
	m.LSN = ev.Pos.LSN
	m.TsMs = max(m.TsMs, ev.TsMs)
	m.Run = nil
	m.Again = -1
	m.LastSent = ev.SentMs
	if ev.KeyShape == nil && ev.Op != Truncate {
		m.Run = []uint64{ev.contentHash()}
	}
}

// SentRuns counts the most times that the connector has sent something in one of its
// runs: between two of them it is silent for a while. sent are the times (Event.SentMs)
// at which it was sent, in order. Of what was sent n times in one run n are real,
// however often another run has repeated them.
func SentRuns(sent []int64) (most int) {
	n := 0
	for i, ms := range sent {
		if n++; i > 0 && ms > sent[i-1]+runPause {
			n = 1
		}
		most = max(most, n)
	}
	return most
}

// acceptInRun decides on a keyless event at exactly the marked pair. Inside a
// repetition the n-th event is the n-th of the run; what goes beyond it is new.
func (m *Mark) acceptInRun(ev *Event) bool {
	h := ev.contentHash()
	if ev.SentMs > m.LastSent+runPause { // also while a repetition is on its way: the connector may be killed again
		if i := slices.Index(m.Run, h); i >= 0 {
			m.Again = i
		}
	}
	if m.Again >= 0 && m.Again < len(m.Run) && m.Run[m.Again] == h {
		m.Again++
		return false
	}
	m.Run = append(slices.Clip(m.Run), h)
	if m.Again >= 0 {
		m.Again = len(m.Run)
	}
	return true
}

// Identity is a stable hash of what the event does and of its place in the source.
// An event without a key that is sent again, on whatever partition, has the same; so
// have equal rows of one COPY page.
func (ev *Event) Identity() uint64 {
	h := ev.contentHash()
	for _, n := range [...]uint64{ev.Pos.LSN, uint64(ev.Pos.TxID), uint64(ev.TsMs)} {
		for range 8 {
			h = (h ^ n&0xff) * 1099511628211
			n >>= 8
		}
	}
	return h
}

// contentHash is a stable 64-bit FNV-1a hash of what the event does.
func (ev *Event) contentHash() uint64 {
	h := uint64(14695981039346656037)
	for _, part := range [...][]byte{{byte(ev.Op)}, ev.Before, {0}, ev.Row} {
		for _, b := range part {
			h = (h ^ uint64(b)) * 1099511628211
		}
	}
	return h
}
