package compare

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Cell is one value in PostgreSQL's text form.
type Cell struct {
	Text string
	Null bool
}

// String shows a cell so that NULL and the text "NULL" differ.
func (c Cell) String() string {
	if c.Null {
		return "NULL"
	}
	return fmt.Sprintf("%q", shorten(c.Text))
}

// longest is how much of a value a report shows.
const longest = 80

func shorten(text string) string {
	if len(text) > longest {
		return fmt.Sprintf("%s… (%d bytes)", text[:longest], len(text))
	}
	return text
}

// Sheet is a table as text.
type Sheet struct {
	Columns []string
	Rows    [][]Cell
}

// null is how the files write NULL; in quotes it is these two characters.
const null = `\N`

// ReadCSV reads a file with a header line.  Unlike encoding/csv it tells \N
// from "\N".
func ReadCSV(r io.Reader) (*Sheet, error) {
	s := &csvScanner{in: bufio.NewReader(r), line: 1}
	header, err := s.row()
	if err != nil {
		return nil, err
	}
	sheet := &Sheet{}
	for _, cell := range header {
		sheet.Columns = append(sheet.Columns, cell.Text)
	}
	for {
		row, err := s.row()
		if errors.Is(err, io.EOF) {
			return sheet, nil
		}
		if err != nil {
			return nil, err
		}
		if len(row) != len(header) {
			return nil, fmt.Errorf("line %d: %d values, want %d", s.line, len(row), len(header))
		}
		sheet.Rows = append(sheet.Rows, row)
	}
}

// readSheet reads one file.
func readSheet(files fs.FS, name string) (*Sheet, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	sheet, err := ReadCSV(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return sheet, nil
}

// csvScanner reads rows of cells.
type csvScanner struct {
	in   *bufio.Reader
	line int
}

// row reads one row; io.EOF when there is none.
func (s *csvScanner) row() ([]Cell, error) {
	if _, err := s.in.Peek(1); err != nil {
		return nil, err
	}
	var row []Cell
	for {
		cell, more, err := s.cell()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", s.line, err)
		}
		row = append(row, cell)
		if !more {
			return row, nil
		}
	}
}

// cell reads one value and says whether another one follows in the row.
func (s *csvScanner) cell() (cell Cell, more bool, err error) {
	var text []byte
	quoted, open := false, false
	finish := func(more bool) (Cell, bool, error) {
		if !quoted && string(text) == null {
			return Cell{Null: true}, more, nil
		}
		return Cell{Text: string(text)}, more, nil
	}
	for {
		b, err := s.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && !open:
			return finish(false)
		case errors.Is(err, io.EOF):
			return Cell{}, false, io.ErrUnexpectedEOF
		case err != nil:
			return Cell{}, false, err
		}
		if b == '\n' {
			s.line++
		}
		switch {
		case b == '"' && open && s.next('"'):
			text = append(text, '"')
		case b == '"':
			quoted, open = true, !open
		case open:
			text = append(text, b)
		case b == ',':
			return finish(true)
		case b == '\n':
			return finish(false)
		case b == '\r' && s.next('\n'):
			s.line++
			return finish(false)
		default:
			text = append(text, b)
		}
	}
}

// next takes the next byte if it is b.
func (s *csvScanner) next(b byte) bool {
	ahead, err := s.in.Peek(1)
	if err != nil || ahead[0] != b {
		return false
	}
	_, err = s.in.ReadByte()
	return err == nil
}
