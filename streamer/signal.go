package streamer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/catalog"
)

// signalHeader is the header by which we know our own signals again. It holds the
// warehouse and the request. Connectors do not look at headers.
const signalHeader = "metadb-request"

// signalTime bounds one try to send a signal.
const signalTime = 30 * time.Second

// signalPartition is the only one that connectors read.
const signalPartition = 0

// signalAll sends the signals that requests ask for, beside the stream.
func (w *worker) signalAll(ctx context.Context) {
	again := backoff.NewExponentialBackOff()
	again.InitialInterval, again.MaxInterval = 100*time.Millisecond, 30*time.Second
	for {
		err := w.guarded(ctx, w.signalNext)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			pause := again.NextBackOff()
			w.log.Error("cannot ask the connector for a snapshot", "source", w.source.Name, "topic", w.source.SignalTopic,
				"error", err.Error(), "retry_in", pause.Round(time.Millisecond).String())
			if sleep(ctx, pause) != nil {
				return
			}
			continue
		}
		again.Reset()
		select {
		case <-ctx.Done():
			return
		case <-w.signals:
		}
	}
}

// signalNext sends one signal, if a request asks for it and its generation has begun.
func (w *worker) signalNext(ctx context.Context) error {
	request, err := w.opt.Catalog.NextSignal(ctx, w.source.Name)
	if err != nil || request == nil {
		return err
	}
	if err := w.signal(ctx, request); err != nil {
		if ctx.Err() == nil {
			err = errors.Join(err, w.opt.Catalog.NoteRequest(ctx, request.ID, err.Error()))
		}
		return err
	}
	return nil
}

// signal asks the source's connector for a snapshot: once, unless the signal was lost
// from the topic before a run that was killed came back to it.
func (w *worker) signal(ctx context.Context, request *catalog.Signal) error {
	if w.source.SignalTopic == "" || w.source.TopicPrefix == "" {
		return errors.New("the options signal_topic and topic_prefix are not set")
	}
	id, err := w.opt.Catalog.WarehouseID(ctx)
	if err != nil {
		return err
	}
	value, err := signalValue(request.Tables)
	if err != nil {
		return err
	}
	access, err := newAccess(w.source, w.opt.Secrets)
	if err != nil {
		return err
	}
	record := &kgo.Record{
		Topic: w.source.SignalTopic, Partition: signalPartition, Key: []byte(w.source.TopicPrefix), Value: value,
		Headers: []kgo.RecordHeader{{Key: signalHeader, Value: []byte(id + "/" + strconv.FormatInt(request.ID, 10))}},
	}
	try, cancel := context.WithTimeout(ctx, signalTime)
	defer cancel()
	sent, err := w.send(try, access, request, record)
	if err != nil {
		return access.diagnose(err)
	}
	w.opt.Reached("signal.sent")
	w.log.Info("asked the connector for a snapshot", "source", w.source.Name, "request", request.ID,
		"topic", record.Topic, "partition", signalPartition, "offset", sent)
	return w.opt.Catalog.FinishRequest(ctx, request.ID, false, fmt.Sprintf("signal at offset %d of topic %q", sent, record.Topic))
}

// send writes the signal, unless an earlier run has, and returns its offset.
func (w *worker) send(ctx context.Context, access *access, request *catalog.Signal, record *kgo.Record) (int64, error) {
	client, err := kgo.NewClient(append(access.options(), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return 0, fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	end, err := signalEnd(ctx, client, record.Topic)
	if err != nil {
		return 0, err
	}
	if request.From == nil {
		if err := w.opt.Catalog.TrySignal(ctx, request.ID, end); err != nil {
			return 0, err
		}
	} else if at, found, err := findSignal(ctx, access, record, *request.From, end); found || err != nil {
		return at, err
	}
	w.opt.Reached("signal.before")
	written, err := client.ProduceSync(ctx, record).First()
	if err != nil {
		return 0, fmt.Errorf("write to topic %s: %w", record.Topic, err)
	}
	return written.Offset, nil
}

// signalEnd is where the topic of signals ends.
func signalEnd(ctx context.Context, client *kgo.Client, topic string) (int64, error) {
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("read end of topic %s: %w", topic, err)
	}
	end, ok := ends.Lookup(topic, signalPartition)
	switch {
	case !ok:
		return 0, fmt.Errorf("topic %s does not exist", topic)
	case end.Err != nil:
		return 0, fmt.Errorf("topic %s: %w", topic, end.Err)
	}
	return end.Offset, nil
}

// findSignal looks for a signal between two offsets.
func findSignal(ctx context.Context, access *access, like *kgo.Record, from, end int64) (at int64, found bool, err error) {
	if from >= end {
		return 0, false, nil
	}
	client, err := kgo.NewClient(append(access.options(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		like.Topic: {signalPartition: kgo.NewOffset().At(from)},
	}))...)
	if err != nil {
		return 0, false, fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return 0, false, fmt.Errorf("read topic %s: %w", like.Topic, err)
		}
		last := false
		fetches.EachRecord(func(r *kgo.Record) {
			if !found && len(r.Headers) == 1 && r.Headers[0].Key == signalHeader && bytes.Equal(r.Headers[0].Value, like.Headers[0].Value) {
				at, found = r.Offset, true
			}
			last = last || r.Offset >= end-1
		})
		if found || last {
			return at, found, nil
		}
	}
}

// signalValue is a signal in Debezium's form. Names of tables are patterns there.
func signalValue(tables []string) ([]byte, error) {
	type data struct {
		Collections []string `json:"data-collections"`
		Type        string   `json:"type"`
	}
	patterns := []string{".*"}
	if tables != nil {
		patterns = make([]string, len(tables))
		for i, t := range tables {
			if patterns[i] = t; strings.ContainsAny(t, `\+*?()|[]{}^$`) {
				patterns[i] = regexp.QuoteMeta(t)
			}
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Type string `json:"type"`
		Data data   `json:"data"`
	}{"execute-snapshot", data{patterns, "INCREMENTAL"}})
	if err != nil {
		return nil, fmt.Errorf("write signal: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
