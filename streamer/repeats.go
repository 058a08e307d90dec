package streamer

import (
	"context"
	"log/slog"
	"regexp"
	"sync"
	"time"
)

// repeats thins out what is tried again and again and fails in the same way, for
// example a connection to brokers that are away: the log has it once, then every
// repeatEvery, with how often it has come since. The status shows it all the time.
type repeats struct {
	log *slog.Logger

	// mu guards said.
	mu   sync.Mutex
	said map[string]*said
}

// said is a line that the log has.
type said struct {
	at     time.Time // when the log was last told
	unsaid int       // how often it has come since then
}

// repeatEvery is how often the log has an error that stays. repeatsKept bounds the
// lines that are remembered: beyond it all are told anew.
const (
	repeatEvery = 10 * time.Minute
	repeatsKept = 100
)

func newRepeats(log *slog.Logger) *repeats { return &repeats{log: log, said: make(map[string]*said)} }

// ownPort is our end of a connection, which is another each time.
var ownPort = regexp.MustCompile(`\S+->`)

// tell logs a message with its error, unless the log has had it lately.
func (r *repeats) tell(level slog.Level, message string, err error, args ...any) {
	unsaid, due := r.due(message+": "+err.Error(), time.Now())
	if !due {
		return
	}
	args = append(args, "error", err.Error())
	if unsaid > 0 {
		args = append(args, "repeated", unsaid)
	}
	r.log.Log(context.Background(), level, message, args...)
}

// due says whether a line is to be logged now, and how often it has come since it
// last was.
func (r *repeats) due(line string, now time.Time) (unsaid int, due bool) {
	line = ownPort.ReplaceAllString(line, "->")
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.said[line]
	if s != nil && now.Sub(s.at) < repeatEvery {
		s.unsaid++
		return 0, false
	}
	if s == nil {
		if len(r.said) >= repeatsKept {
			clear(r.said)
		}
		s = &said{}
		r.said[line] = s
	}
	unsaid, s.at, s.unsaid = s.unsaid, now, 0
	return unsaid, true
}

// forget has the next failure logged at once: all was well in between.
func (r *repeats) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.said)
}
