package change

// arenaBlock is the size of one allocation; values larger than it get their own.
const arenaBlock = 256 << 10

// Arena gives the tuples of a batch their memory, so that decoding allocates
// nothing per event. It is not safe for concurrent use.
//
//	b := a.Start(64)
//	b = append(b, …)
//	t := a.Commit(b)
type Arena struct {
	free   []byte   // unused tail of the current block: len 0
	blocks [][]byte // every block handed out, for Reset
	size   int      // bytes committed since Reset
}

// Start returns an empty slice to append to, with room for at least n bytes.
// Appending past that room is allowed and moves the value to the heap. Only one
// slice may be open at a time.
func (a *Arena) Start(n int) []byte {
	if cap(a.free) < n {
		size := arenaBlock
		if n > size {
			size = n
		}
		block := make([]byte, 0, size)
		a.blocks = append(a.blocks, block)
		a.free = block
	}
	return a.free
}

// Commit closes the slice opened by Start and returns it with no spare
// capacity, valid until Reset.
func (a *Arena) Commit(b []byte) []byte {
	a.size += len(b)
	if len(b) > 0 && cap(a.free) > 0 && &b[0] == &a.free[:1][0] {
		a.free = a.free[len(b):len(b):cap(a.free)]
	}
	return b[:len(b):len(b)]
}

// Size is the number of bytes committed since the last Reset.
func (a *Arena) Size() int { return a.size }

// Reset forgets all tuples and keeps one block for the next batch.
func (a *Arena) Reset() {
	a.size = 0
	if len(a.blocks) == 0 {
		return
	}
	first := a.blocks[0]
	clear(a.blocks)
	a.blocks = append(a.blocks[:0], first)
	a.free = first[:0]
}
