// Package progress shows on a command line how far long work is: a bar that is
// redrawn on a terminal, else a plain line from time to time.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// plainEvery is the time between two plain lines.
const plainEvery = 10 * time.Second

// Line is the progress of one piece of work. It is used by one goroutine.
type Line struct {
	out   io.Writer
	unit  string
	total int64
	every time.Duration
	now   func() time.Time
	bar   *progressbar.ProgressBar // nil: no terminal
	begin time.Time
	shown time.Time
	last  int64
}

// New begins to show progress to total units, such as "rows". Nothing that moves a
// cursor is written unless out is a terminal.
func New(out io.Writer, unit string, total int64) *Line {
	l := newLine(out, unit, total, time.Now)
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		l.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(out),
			progressbar.OptionSetWidth(15),
			progressbar.OptionShowCount(),
			progressbar.OptionShowIts(),
			progressbar.OptionSetItsString(unit),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetRenderBlankState(true),
		)
	}
	return l
}

func newLine(out io.Writer, unit string, total int64, now func() time.Time) *Line {
	return &Line{out: out, unit: unit, total: total, every: plainEvery, now: now, begin: now(), shown: now()}
}

// Every sets the time between two plain lines; 10 s if it is not called.
func (l *Line) Every(d time.Duration) *Line {
	l.every = d
	return l
}

// Show says how many units are done, with a note such as the table that is at work,
// or none. It may be called as often as one likes.
func (l *Line) Show(done int64, note string) {
	done = min(max(done, 0), l.total)
	if l.bar != nil {
		l.bar.Describe(note)
		_ = l.bar.Set64(done)
		return
	}
	complete := done == l.total && l.last < l.total
	if !complete && (done == 0 || l.now().Sub(l.shown) < l.every) {
		return
	}
	l.shown, l.last = l.now(), done
	rate := float64(done) / max(l.now().Sub(l.begin).Seconds(), 1e-3)
	left := time.Duration(float64(l.total-done)/rate) * time.Second
	if note != "" {
		note += ", "
	}
	_, _ = fmt.Fprintf(l.out, "%d of %d %s, %s%.0f %s/s, %s left\n", done, l.total, l.unit, note, rate, l.unit, left)
}

// Close ends the line, complete or not.
func (l *Line) Close() {
	if l.bar != nil {
		_ = l.bar.Exit()
		_, _ = fmt.Fprintln(l.out)
	}
}
