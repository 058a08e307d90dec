package poll

import (
	"context"
	"testing"
	"time"
)

// TestUntil asks until the condition holds, the limit is over, or nobody waits any more.
func TestUntil(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name         string
		ctx          context.Context
		pause, limit time.Duration
		from         int // the number of the asking from which on it holds
		want         bool
		asked        int
	}{
		{"it holds at once", t.Context(), time.Hour, time.Hour, 1, true, 1},
		{"it comes to hold", t.Context(), time.Nanosecond, time.Hour, 3, true, 3},
		{"the limit is over", t.Context(), time.Hour, time.Nanosecond, 2, false, 1},
		{"nobody waits any more", over, time.Hour, time.Hour, 2, false, 1},
		{"it holds though nobody waits", over, time.Hour, time.Hour, 1, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			got := Until(tt.ctx, tt.pause, tt.limit, func() bool { asked++; return asked >= tt.from })
			if got != tt.want || asked != tt.asked {
				t.Errorf("%t after asking %d times, want %t after %d", got, asked, tt.want, tt.asked)
			}
		})
	}
}
