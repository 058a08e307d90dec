package broker

import (
	"context"
	"time"
)

// pace lets a number of records a second pass.
type pace struct {
	rate  int // 0: no limit
	begin time.Time
	sent  int
}

func newPace(rate int) *pace { return &pace{rate: rate, begin: time.Now()} }

// wait returns when the next record may go.
func (p *pace) wait(ctx context.Context) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	due := p.begin.Add(time.Duration(p.sent) * time.Second / time.Duration(p.rate))
	p.sent++
	ahead := time.Until(due)
	if ahead <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
