package captures

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Record is one Kafka record as it was read from the broker.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time
	Key       []byte // nil: null
	Value     []byte // nil: null
	Headers   []Header
}

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// line is a record as the file has it.
type line struct {
	Topic     string      `json:"topic"`
	Partition int32       `json:"partition"`
	Offset    int64       `json:"offset"`
	Timestamp int64       `json:"timestamp"`
	Key       *string     `json:"key"`
	Value     *string     `json:"value"`
	Headers   [][2]string `json:"headers"`
}

// Read yields the records of a recording in the order of its file, in which
// the topics are merged by time.  A name with stages yields them in order.  An
// error ends the sequence.
func Read(name string) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		list, err := parts(name)
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, file := range list {
			if !readFile(file, yield) {
				return
			}
		}
	}
}

// readFile yields the records of one file and says whether to go on.
func readFile(file string, yield func(Record, error) bool) bool {
	fail := func(err error) bool {
		yield(Record{}, fmt.Errorf("recording %s: %w", file, err))
		return false
	}
	raw, err := files.Open(file)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = raw.Close() }()
	plain, err := gzip.NewReader(raw)
	if err != nil {
		return fail(err)
	}
	decoder := json.NewDecoder(plain)
	for {
		var l line
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return true
		} else if err != nil {
			return fail(err)
		}
		if !yield(l.record(), nil) {
			return false
		}
	}
}

// record gives the line the form of a record.
func (l *line) record() Record {
	r := Record{
		Topic:     l.Topic,
		Partition: l.Partition,
		Offset:    l.Offset,
		Timestamp: time.UnixMilli(l.Timestamp),
		Key:       bytesOf(l.Key),
		Value:     bytesOf(l.Value),
	}
	for _, header := range l.Headers {
		r.Headers = append(r.Headers, Header{Key: header[0], Value: []byte(header[1])})
	}
	return r
}

func bytesOf(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}
