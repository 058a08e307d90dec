package debezium

import "unicode/utf8"

const (
	maxLearned = 4096 // members of an object whose order is remembered
	maxMissed  = 1024 // wrong predictions after which the order is learned anew
)

// object reads the members of one JSON object into slots. It remembers the
// order in which members came last time, so that a name is compared and not
// looked up. The prediction never decides: a name that is not where it was
// expected is looked up in names.
type object struct {
	lits  [][]byte // `"name":` expected as the i-th member
	slots []int32  // slot of that member, -1 if it has none
	names map[string]int32
	out   []span    // by slot
	sub   []*object // objects entered in turn, by slot; shorter than out or nil
	open  bool      // an unknown name gets a slot of its own
	order []string  // names of the slots, only if open

	missed  int // names that stood elsewhere than expected
	scratch []byte
}

func newObject(names ...string) *object {
	o := &object{names: make(map[string]int32, len(names)), out: make([]span, len(names))}
	for i, n := range names {
		o.names[n] = int32(i)
	}
	return o
}

// reset forgets the last object's members.
func (o *object) reset() {
	clear(o.out)
	for _, s := range o.sub {
		if s != nil {
			s.reset()
		}
	}
}

// scan reads the object that opens at i and returns its end or -1. A member
// that occurs twice counts as the last one.
func (o *object) scan(b []byte, i, depth int) int {
	if depth > maxDepth {
		return -1
	}
	i = blanks(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for m := 0; ; m++ {
		var slot int32
		if m < len(o.lits) && len(b)-i > len(o.lits[m]) && string(b[i:i+len(o.lits[m])]) == string(o.lits[m]) {
			i = blanks(b, i+len(o.lits[m]))
			slot = o.slots[m]
		} else if i, slot = o.name(b, i, m); i < 0 {
			return -1
		}
		var end int
		var k kind
		if int(slot) < len(o.sub) && slot >= 0 && o.sub[slot] != nil {
			sub := o.sub[slot]
			if o.out[slot].kind != absent {
				sub.reset()
			}
			if i < len(b) && b[i] == '{' {
				end, k = sub.scan(b, i, depth+1), objectVal
			} else {
				end, k = scanValue(b, i, depth)
			}
		} else {
			end, k = scanValue(b, i, depth)
		}
		if end < 0 {
			return -1
		}
		if slot >= 0 {
			o.out[slot] = valueSpan(i, end, k)
		}
		i = end
		if i < len(b) && b[i] == ',' {
			i++
			if i < len(b) && b[i] == '"' {
				continue
			}
			i = blanks(b, i)
			continue
		}
		i = blanks(b, i)
		if i >= len(b) {
			return -1
		}
		if b[i] == '}' {
			return i + 1
		}
		if b[i] != ',' {
			return -1
		}
		i = blanks(b, i+1)
	}
}

// forget drops the remembered order; the next object is learned.
func (o *object) forget() {
	o.lits, o.slots, o.missed = o.lits[:0], o.slots[:0], 0
}

// name reads the name of member number m at i, and learns it if m is new.
func (o *object) name(b []byte, i, m int) (int, int32) {
	if i >= len(b) || b[i] != '"' {
		return -1, -1
	}
	end, k := scanString(b, i)
	if end < 0 {
		return -1, -1
	}
	name := b[i+1 : end-1]
	if k != str || !utf8.Valid(name) {
		o.scratch = appendName(o.scratch[:0], name)
		name = o.scratch
	}
	slot, ok := o.names[string(name)]
	if !ok {
		slot = -1
		if o.open {
			slot = int32(len(o.out))
			n := string(name)
			o.names[n] = slot
			o.order = append(o.order, n)
			o.out = append(o.out, span{})
		}
	}
	from, direct := i, end < len(b) && b[end] == ':'
	i = blanks(b, end)
	if i >= len(b) || b[i] != ':' {
		return -1, -1
	}
	i++
	if m < len(o.lits) {
		if o.missed++; o.missed >= maxMissed {
			o.forget()
		}
	}
	if direct && m == len(o.lits) && m < maxLearned {
		lit := make([]byte, i-from)
		copy(lit, b[from:i])
		o.lits = append(o.lits, lit)
		o.slots = append(o.slots, slot)
	}
	return blanks(b, i), slot
}
