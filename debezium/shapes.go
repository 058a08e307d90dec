package debezium

import (
	"encoding/binary"
	"sync"

	"metadb/change"
)

// maxShapes bounds the shapes kept; beyond it all are forgotten, which costs
// later users of them a new plan and nothing else.
const maxShapes = 16384

// Shapes makes equal column lists one pointer. Decoders that share it agree on
// the pointers; it is safe for concurrent use and asked only when a column list
// differs from the last one.
type Shapes struct {
	mu     sync.Mutex
	known  map[string]*change.Shape // guarded by mu
	buffer []byte                   // guarded by mu
}

// NewShapes returns an empty set.
func NewShapes() *Shapes { return &Shapes{known: make(map[string]*change.Shape)} }

// of returns the shape with these columns, their names repaired, and keeps a copy
// of them if it is new.
func (s *Shapes) of(columns []change.Column) *change.Shape {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer = s.buffer[:0]
	for _, c := range columns {
		name := RepairName(c.Name)
		s.buffer = append(s.buffer, byte(c.Type))
		s.buffer = binary.AppendUvarint(s.buffer, uint64(len(name)))
		s.buffer = append(s.buffer, name...)
		s.buffer = binary.AppendUvarint(s.buffer, uint64(len(c.Note)))
		s.buffer = append(s.buffer, c.Note...)
	}
	if shape := s.known[string(s.buffer)]; shape != nil {
		return shape
	}
	if len(s.known) >= maxShapes {
		clear(s.known)
	}
	shape := &change.Shape{Columns: append([]change.Column(nil), columns...)}
	for i := range shape.Columns {
		shape.Columns[i].Name = RepairName(shape.Columns[i].Name)
	}
	s.known[string(s.buffer)] = shape
	return shape
}
