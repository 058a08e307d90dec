package debezium

import (
	"strings"
	"unicode/utf8"
)

// RepairName undoes what the connector does to names that are not ASCII in
// streamed events: each byte of their UTF-8 above 0x7F becomes the character
// U+FF00 plus the byte (rule R12). A name is changed only where such characters
// in a row are the bytes of valid UTF-8, which those of real names hardly ever are.
func RepairName(name string) string {
	if !strings.ContainsFunc(name, isDamaged) {
		return name
	}
	var out strings.Builder
	for rest := name; rest != ""; {
		end := strings.IndexFunc(rest, func(r rune) bool { return !isDamaged(r) })
		if end < 0 {
			end = len(rest)
		}
		run := make([]byte, 0, end/3)
		for _, r := range rest[:end] {
			run = append(run, byte(r&0xff))
		}
		if utf8.Valid(run) {
			out.Write(run)
		} else {
			out.WriteString(rest[:end])
		}
		rest = rest[end:]
		next := strings.IndexFunc(rest, isDamaged)
		if next < 0 {
			next = len(rest)
		}
		out.WriteString(rest[:next])
		rest = rest[next:]
	}
	return out.String()
}

// isDamaged says whether a character may stand for a byte above 0x7F.
func isDamaged(r rune) bool { return r >= 0xff80 && r <= 0xffff }
