package parser

import "unicode/utf8"

// edit says which characters of the sent text stand for which of the client's.
// All four are 0-based, the ends exclusive.
type edit struct {
	client, clientEnd int
	sent, sentEnd     int
	own               int // place in Statements of the statement that it stands for, or -1
}

// Position turns a 1-based character position in the sent text into one in the
// client's. Inside of what was replaced it is that one's first character, and inside is
// the place in Statements of the statement that was; else inside is -1.
func (r *Rewritten) Position(sent int) (client, inside int) {
	p := sent - 1
	shift := 0
	for _, e := range r.edits {
		if p < e.sent {
			break
		}
		if p < e.sentEnd {
			return e.client + 1, e.own
		}
		shift = e.clientEnd - e.sentEnd
	}
	return p + shift + 1, -1
}

// characters counts a text's characters as the backend does for positions.
type characters struct{ single bool }

func charactersOf(s Settings) characters {
	return characters{single: singleByte[s.ClientEncoding]}
}

func (c characters) in(text string) int {
	if c.single {
		return len(text)
	}
	return utf8.RuneCountInString(text)
}
