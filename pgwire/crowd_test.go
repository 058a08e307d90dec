package pgwire

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestCrowdIsToldRarely refuses many, for two limits.
func TestCrowdIsToldRarely(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	c := &crowd{}
	now := time.Now()
	one, other := &refusal{code: "53300", message: "one", limit: true}, &refusal{code: "53300", message: "other", limit: true}
	for range 1000 {
		c.refused(logger, one, now)
	}
	c.refused(logger, other, now.Add(crowdEvery-1))
	c.refused(logger, one, now.Add(crowdEvery))
	c.refused(logger, one, now.Add(crowdEvery+1))
	var got []string
	for line := range strings.Lines(log.String()) {
		_, what, _ := strings.Cut(strings.TrimSpace(line), "level=")
		got = append(got, what)
	}
	const said = `WARN msg="clients are refused" code=53300 reason=`
	want := []string{said + "one refused_since_last_line=1", said + "other refused_since_last_line=1", said + "one refused_since_last_line=1000"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
