package streamer

import (
	"errors"
	"time"

	"metadb/catalog"
)

// failing is the error that ended a source's last run. It stands in the status
// until a run has got past it: runs that begin and meet it again must not show
// that all is well in between.
type failing struct {
	reason string    // "": none
	at     *stopped  // nil: the error does not lie at one event
	began  time.Time // of what may be past it
	last   time.Time // when it last came up
}

// settled is how long a run without anything left to read counts as well.
const settled = 3 * time.Second

// failed shows the error that has ended a run.
func (r *report) failed(err error) {
	var at *stopped
	if !errors.As(err, &at) || at.part == (partition{}) {
		at = nil
	}
	r.mu.Lock()
	r.failing = failing{reason: err.Error(), at: at, last: time.Now()}
	r.mu.Unlock()
	r.state(catalog.StateError, err.Error())
}

// passed notes that a partition is applied up to an offset.
func (r *report) passed(part partition, next int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := r.failing.at; at == nil || at.part == part && next > at.offset {
		r.failing = failing{}
	}
}

// stands says whether the error is still to be shown beside the status of now.
func (f *failing) stands(now catalog.Status) bool {
	switch {
	case f.reason == "":
		return false
	case now.State == catalog.StateStarting || now.State == catalog.StateError:
		f.began = time.Time{}
		return true
	case f.began.IsZero():
		f.began = time.Now()
	}
	lasted := time.Since(f.began)
	caughtUp := lasted > settled && now.Lag != nil && *now.Lag == 0
	wentOn := lasted > healthy && f.at == nil
	return !caughtUp && !wentOn
}
