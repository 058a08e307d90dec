// Package poll waits for what nobody announces: it asks again and again.
package poll

import (
	"context"
	"time"
)

// Until asks, with a pause behind each time, until the condition holds. It is false when
// the limit or ctx ends before.
func Until(ctx context.Context, pause, limit time.Duration, holds func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for !holds() {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
	}
	return true
}
