package compare

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// list is an array; a dimension below it is a list as an item.
type list []item

type item struct {
	cell   Cell
	nested list // instead of the cell when not nil
}

// bounds are what PostgreSQL writes before an array that does not begin at 1.
var bounds = regexp.MustCompile(`^(\[[-0-9:]+\])+=`)

// normalArray writes an array with its elements in their normal forms, whether
// it comes as PostgreSQL's literal or as a JSON array.  Bounds are kept: an
// array that lost them is not equal.
func (r rendering) normalArray(element kind, text string) (string, bool) {
	head := bounds.FindString(text)
	if head != "" || strings.HasPrefix(text, "{") {
		reader := &literalReader{rest: text[len(head):]}
		items, ok := reader.list()
		if !ok || reader.rest != "" {
			return "", false
		}
		return head + rendering{}.writeList(element, items), true
	}
	items, ok := r.jsonList(element, []byte(text))
	if !ok {
		return "", false
	}
	return r.writeList(element, items), true
}

func (r rendering) writeList(element kind, items list) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		cell := r.normal(element, item.cell)
		switch {
		case item.nested != nil:
			b.WriteString(r.writeList(element, item.nested))
		case cell.Null:
			b.WriteString("null")
		default:
			b.WriteString(strconv.Quote(cell.Text))
		}
	}
	b.WriteByte(']')
	return b.String()
}

// literalReader takes an array literal apart.
type literalReader struct{ rest string }

// next takes the next character if it is c.
func (l *literalReader) next(c byte) bool {
	if l.rest == "" || l.rest[0] != c {
		return false
	}
	l.rest = l.rest[1:]
	return true
}

// list reads {…}.
func (l *literalReader) list() (list, bool) {
	items := list{}
	if !l.next('{') {
		return nil, false
	}
	if l.next('}') {
		return items, true
	}
	for {
		item, ok := l.item()
		if !ok {
			return nil, false
		}
		items = append(items, item)
		if l.next('}') {
			return items, true
		}
		if !l.next(',') {
			return nil, false
		}
	}
}

func (l *literalReader) item() (item, bool) {
	if strings.HasPrefix(l.rest, "{") {
		nested, ok := l.list()
		return item{nested: nested}, ok
	}
	if l.next('"') {
		text, ok := l.quoted()
		return item{cell: Cell{Text: text}}, ok
	}
	end := strings.IndexAny(l.rest, ",}")
	if end <= 0 {
		return item{}, false
	}
	text := l.rest[:end]
	l.rest = l.rest[end:]
	if text == "NULL" {
		return item{cell: Cell{Null: true}}, true
	}
	return item{cell: Cell{Text: text}}, true
}

// quoted reads up to the quote at the end; a backslash shields a character.
func (l *literalReader) quoted() (string, bool) {
	var b strings.Builder
	for i := 0; i < len(l.rest); i++ {
		switch c := l.rest[i]; {
		case c == '"':
			l.rest = l.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(l.rest):
			i++
			b.WriteByte(l.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// jsonList reads a JSON array whose values suit the element's kind.
func (r rendering) jsonList(element kind, text []byte) (list, bool) {
	var values []json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil || values == nil {
		return nil, false
	}
	items := list{}
	for _, value := range values {
		item, ok := r.jsonItem(element, value)
		if !ok {
			return nil, false
		}
		items = append(items, item)
	}
	return items, true
}

// jsonItem refuses a JSON type that the element cannot be written as, so that
// the text "1" is not the number 1.
func (r rendering) jsonItem(element kind, value json.RawMessage) (item, bool) {
	cell := Cell{Text: string(value)}
	number := element.form == asNumber || element.form == asMoney || element.form == asFloat4 || element.form == asFloat8
	switch value[0] {
	case 'n':
		return item{cell: Cell{Null: true}}, true
	case '"':
		err := json.Unmarshal(value, &cell.Text)
		return item{cell: cell}, err == nil && element.form != asBool
	case 't', 'f':
		return item{cell: cell}, element.form == asBool || element.form == asJSON || element.form == asBits
	case '{':
		return item{cell: cell}, element.form == asJSON || element.form == asPoint || element.form == asHstore || r.base64 && element.decimal
	case '[':
		if element.form == asJSON {
			return item{cell: cell}, true
		}
		nested, ok := r.jsonList(element, value)
		return item{nested: nested}, ok
	}
	ticks := r.ticks && (element.form == asDate || element.form == asTime || element.form == asTimestamp)
	return item{cell: cell}, number || ticks || element.form == asInterval || element.form == asJSON
}
