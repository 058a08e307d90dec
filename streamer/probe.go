package streamer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
)

// probe connects once, before a client joins the group, and looks which topics
// there are. So wrong settings show at once, and a wrong password is tried once.
func (w *worker) probe(ctx context.Context, a *access, patterns []string) error {
	client, err := kgo.NewClient(append(a.options(), kgo.WithHooks(w.hook(a, nil)))...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		return fmt.Errorf("connect to brokers %s: %w", w.source.Brokers, a.diagnose(err))
	}
	details, err := kadm.NewClient(client).ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", a.diagnose(err))
	}
	missing, err := unmatched(splitList(w.source.Topics), patterns, details.Names())
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		if _, due := w.repeats.due("no topic matches "+strings.Join(missing, ","), time.Now()); due {
			w.log.Warn("no topic matches", "source", w.source.Name, "topics", strings.Join(missing, ","), "hint", hintNoTopic)
		}
	}
	reason := "the consumer group has not assigned partitions yet"
	if len(missing) == len(patterns) {
		reason = "no topic matches the option topics (hint: " + hintNoTopic + ")"
	}
	w.report.state(catalog.StateWaiting, reason)
	return nil
}

// unmatched returns the entries of the option topics whose patterns match no topic.
func unmatched(entries, patterns, topics []string) ([]string, error) {
	var missing []string
	for i, pattern := range patterns {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, fmt.Errorf("option topics: %w", err)
		}
		found := false
		for _, topic := range topics {
			found = found || re.MatchString(topic)
		}
		if !found {
			missing = append(missing, entries[i])
		}
	}
	return missing, nil
}

// brokerHook shows in the status why brokers cannot be reached, and ends the run
// when they refuse us, so that a wrong password is not tried again at once.
type brokerHook struct {
	report *report
	access *access
	lost   func(error) // nil: the run ends with the error, which is then logged
	fail   context.CancelCauseFunc
}

// hook makes the hook of a client; fail may be nil.
func (w *worker) hook(a *access, fail context.CancelCauseFunc) *brokerHook {
	h := &brokerHook{report: w.report, access: a, fail: fail}
	if fail != nil {
		h.lost = func(err error) {
			w.repeats.tell(slog.LevelError, "brokers cannot be reached; they are tried again by themselves", err, "source", w.source.Name)
		}
	}
	return h
}

// OnBrokerConnect is called by the client after each dial and its handshakes.
func (h *brokerHook) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if errors.Is(err, context.Canceled) || h.access.known(err) {
		return // we closed the client, or have said it
	}
	if err == nil {
		h.report.broker("")
		return
	}
	err = fmt.Errorf("cannot connect to broker %s:%d: %w", meta.Host, meta.Port, h.access.diagnose(err))
	h.report.broker(err.Error())
	if !refusal(err) { // the client tries again, and other brokers may be well
		if h.lost != nil {
			h.lost(err)
		}
		return
	}
	h.access.refuse(err)
	if h.fail != nil {
		h.fail(err)
	}
}
