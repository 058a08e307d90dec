package parser

import "strings"

// calmWords begin the statements that change no setting, whatever follows.
var calmWords = []string{"begin", "start", "savepoint"}

// Calm says that running the text changes no session setting, so that what
// follows it can be read before it is answered. Drivers send BEGIN in one go
// with the first statement of a transaction. Only single plain statements count,
// of letters, digits, blanks and commas, which read the same under any settings.
func Calm(message string) bool {
	if len(message) > 200 {
		return false
	}
	plain := strings.TrimRight(message, "; \t\r\n")
	for i := range len(plain) {
		if c := plain[i]; !isWordByte(c) && c != ' ' && c != ',' && c != '\t' && c != '\n' && c != '\r' || c >= 0x80 {
			return false
		}
	}
	first, _, _ := strings.Cut(strings.TrimLeft(plain, " \t\r\n"), " ")
	for _, w := range calmWords {
		if strings.EqualFold(first, w) {
			return true
		}
	}
	return false
}
