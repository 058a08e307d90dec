package pgwire

import (
	"log/slog"
	"sync"
	"time"
)

// crowdEvery is how often the log has that a limit refuses clients.
const crowdEvery = time.Minute

// crowd tells the operator of clients that a limit refuses: at once, then rarely, as
// thousands of them may come in a second.
type crowd struct {
	mu   sync.Mutex                // guards said
	said map[string]*crowdedBefore // by the limit's message
}

// crowdedBefore is what the log has of one limit.
type crowdedBefore struct {
	at     time.Time // when it was last told
	unsaid int       // refused since
}

// refused logs that a client was refused, or counts it for the next line.
func (c *crowd) refused(logger *slog.Logger, r *refusal, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.said[r.message]
	if before != nil && now.Sub(before.at) < crowdEvery {
		before.unsaid++
		return
	}
	unsaid := 0
	if before != nil {
		unsaid = before.unsaid
	}
	if c.said == nil {
		c.said = map[string]*crowdedBefore{}
	}
	c.said[r.message] = &crowdedBefore{at: now}
	logger.Warn("clients are refused", "code", r.code, "reason", r.message, "refused_since_last_line", unsaid+1)
}
