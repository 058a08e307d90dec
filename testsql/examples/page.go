package examples

import (
	"os"
	"regexp"
	"strings"
)

// Page is a file of documentation.
type Page struct {
	// Notes are the HTML comments of the form <!-- examples: note -->.
	Notes []string
	// Blocks are its fenced blocks, in order.
	Blocks []Block
}

// Block is what stands between two fences.
type Block struct {
	Section  string // the last heading before it
	Language string // behind the opening fence; may be empty
	Text     string
	Line     int // of its first line
}

// Step is one input of a conversation with psql.
type Step struct {
	Input  string // may have several lines
	Answer string // as printed
	Line   int
}

// note finds a page's remarks to this package.
var note = regexp.MustCompile(`^<!-- examples: (.*) -->$`)

// Read reads a page.
func Read(file string) (Page, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Page{}, err
	}
	var p Page
	var open *Block
	section, margin := "", "" // margin: of the list that the block is in
	for i, line := range strings.Split(string(text), "\n") {
		fence := strings.TrimSpace(line)
		switch m := note.FindStringSubmatch(line); {
		case open != nil && fence == "```":
			p.Blocks = append(p.Blocks, *open)
			open = nil
		case open != nil:
			open.Text += strings.TrimPrefix(line, margin) + "\n"
		case strings.HasPrefix(fence, "```"):
			margin, _, _ = strings.Cut(line, "```")
			open = &Block{Section: section, Language: strings.TrimPrefix(fence, "```"), Line: i + 2}
		case m != nil:
			p.Notes = append(p.Notes, m[1])
		case strings.HasPrefix(line, "#"):
			section = strings.TrimLeft(line, "# ")
		}
	}
	return p, nil
}

// Prompts of psql: of a new statement, and of one that goes on.
var (
	begins = regexp.MustCompile(`^\w+=[*!]?[>#] ?(.*)$`)
	goesOn = regexp.MustCompile(`^\w+[-('"][*!]?[>#] ?(.*)$`)
)

// Steps are the inputs of a conversation with psql; none for a block that is no
// conversation.
func (b Block) Steps() []Step {
	var steps []Step
	for i, line := range strings.Split(strings.TrimSuffix(b.Text, "\n"), "\n") {
		if m := begins.FindStringSubmatch(line); m != nil {
			steps = append(steps, Step{Input: m[1], Line: b.Line + i})
			continue
		}
		if len(steps) == 0 {
			return nil
		}
		last := &steps[len(steps)-1]
		if m := goesOn.FindStringSubmatch(line); m != nil && last.Answer == "" {
			last.Input += "\n" + m[1]
			continue
		}
		last.Answer += line + "\n"
	}
	return steps
}

// Fits says whether an answer is the printed one, but for the widths of columns:
// one that is added to a view must not change every page.
func (s Step) Fits(answer string) bool {
	var pattern strings.Builder
	for _, line := range lines(s.Answer) {
		if line == "…" {
			pattern.WriteString(`(?:[^\n]*\n)*`)
			continue
		}
		quoted := strings.ReplaceAll(regexp.QuoteMeta(line), " …", `(?: [^\n]*)?`)
		pattern.WriteString(strings.ReplaceAll(quoted, "…", `[^\n]*`) + `\n`)
	}
	fits, err := regexp.MatchString(`^`+pattern.String()+`$`, strings.Join(append(lines(answer), ""), "\n"))
	return err == nil && fits
}

// wide is what psql fills columns with.
var wide = regexp.MustCompile(` {2,}|-{2,}`)

// lines are the lines of a text without blanks at their ends, and without empty
// ones at its end; what fills columns is one character.
func lines(text string) []string {
	var list []string
	for _, line := range strings.Split(text, "\n") {
		line = wide.ReplaceAllStringFunc(line, func(run string) string { return run[:1] })
		list = append(list, strings.TrimRight(line, " "))
	}
	for len(list) > 0 && list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list
}
