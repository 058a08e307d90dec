package streamer

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// defaultDeniedPause is how long a topic that we may not read rests between two
// tries: the client would ask for it thousands of times in a second.
const defaultDeniedPause = 30 * time.Second

// deniedSilence is how long nothing more is logged of a topic.
const deniedSilence = 10 * time.Minute

// denied are the assigned topics that we may not read. The others flow on.
type denied struct {
	client *kgo.Client
	report *report
	log    *slog.Logger
	source string
	pause  time.Duration

	// mu guards topics: those that were refused, and whether they rest now.
	mu     sync.Mutex
	topics map[string]bool
	logged map[string]time.Time
}

func newDenied(client *kgo.Client, w *worker) *denied {
	return &denied{client: client, report: w.report, log: w.log, source: w.source.Name, pause: w.opt.deniedPause,
		topics: make(map[string]bool), logged: make(map[string]time.Time)}
}

// add lets a topic rest. What is said once is not said again at each try.
func (d *denied) add(topic string, partition int32, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.logged[topic]) > deniedSilence {
		d.logged[topic] = time.Now()
		d.log.Error("topic cannot be read; it is tried again by itself", "source", d.source, "topic", topic, "partition", partition,
			"error", err.Error(), "hint", hintTopicRight, "retry_in", d.pause.String())
	}
	d.topics[topic] = true
	d.client.PauseFetchTopics(topic)
	d.show()
}

// run tries the topics again. One that was not refused again for as long as it
// rested before is readable.
func (d *denied) run(ctx context.Context) error {
	for {
		if err := sleep(ctx, d.pause); err != nil {
			return err
		}
		d.mu.Lock()
		for topic, rests := range d.topics {
			if rests {
				d.topics[topic] = false
				d.client.ResumeFetchTopics(topic)
				continue
			}
			delete(d.topics, topic)
			d.log.Info("topic can be read again", "source", d.source, "topic", topic)
		}
		d.show()
		d.mu.Unlock()
	}
}

// show puts the topics into the status; mu is held.
func (d *denied) show() {
	if len(d.topics) == 0 {
		d.report.denied("")
		return
	}
	names := make([]string, 0, len(d.topics))
	for topic := range d.topics {
		names = append(names, topic)
	}
	slices.Sort(names)
	const few = 5
	more := ""
	if n := len(names) - few; n > 0 {
		names, more = names[:few], fmt.Sprintf(" and %d more", n)
	}
	d.report.denied(fmt.Sprintf("no right to read topic %s%s; tried again every %s (hint: %s)",
		strings.Join(names, ", "), more, d.pause, hintTopicRight))
}
