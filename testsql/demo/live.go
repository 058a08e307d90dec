package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"metadb/testsql/captures"
)

// changeEvery is the pace of the changes after the recording.
const changeEvery = time.Second

// shop is what the demo knows of the recording.
type shop struct {
	topics    map[string]int32  // that the source reads, with their partitions
	records   int64             // in these
	customers map[string]record // the last record of each customer that is there at the end, by key
	last      place
}

// record is a record with what is to be changed in it taken apart.
type record struct {
	captures.Record
	value envelope
}

// envelope is a change event as the connector writes it.
type envelope struct {
	Schema  json.RawMessage            `json:"schema"`
	Payload map[string]json.RawMessage `json:"payload"`
}

// place is where the recording ends in its source's order and time.
type place struct {
	lsn, ms int64
}

// readShop reads the recording.
func readShop() (*shop, error) {
	s := &shop{topics: map[string]int32{}, customers: map[string]record{}}
	wanted := regexp.MustCompile(topics)
	for r, err := range captures.Read(recording) {
		if err != nil {
			return nil, err
		}
		if !wanted.MatchString(r.Topic) {
			continue
		}
		s.records++
		s.topics[r.Topic] = max(s.topics[r.Topic], r.Partition+1)
		if !strings.HasSuffix(r.Topic, ".shop.customers") || r.Value == nil {
			continue
		}
		if err := s.see(r); err != nil {
			return nil, fmt.Errorf("recording: %s, offset %d: %w", r.Topic, r.Offset, err)
		}
	}
	return s, nil
}

// makeTopics creates the topics before the data source is, which then finds them
// at its first look and not some seconds later.
func (s *shop) makeTopics(ctx context.Context, addr string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	defer client.Close()
	for topic, partitions := range s.topics {
		if _, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
			return fmt.Errorf("create topic %s: %w", topic, err)
		}
	}
	return nil
}

// see keeps a customer's record, unless it says that the customer is gone.
func (s *shop) see(r captures.Record) error {
	c := record{Record: r}
	if err := json.Unmarshal(r.Value, &c.value); err != nil {
		return err
	}
	var source struct {
		LSN  int64 `json:"lsn"`
		TsMs int64 `json:"ts_ms"`
	}
	if err := json.Unmarshal(c.value.Payload["source"], &source); err != nil {
		return err
	}
	s.last.lsn, s.last.ms = max(s.last.lsn, source.LSN), max(s.last.ms, source.TsMs)
	if bytes.Equal(c.value.Payload["after"], []byte("null")) {
		delete(s.customers, string(r.Key))
		return nil
	}
	s.customers[string(r.Key)] = c
	return nil
}

// goOn changes one customer after the other, but never the shown one, until ctx
// ends.
func (d *demo) goOn(ctx context.Context, s *shop, shown int64) error {
	d.say("From now on a customer changes every second. Ctrl-C ends the demo.\n")
	client, err := kgo.NewClient(kgo.SeedBrokers(d.broker.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return fmt.Errorf("go on: %w", err)
	}
	defer client.Close()
	tick := time.NewTicker(changeEvery)
	defer tick.Stop()
	n := int64(0)
	for {
		for _, c := range s.customers {
			if id, err := c.id(); err != nil || id == shown {
				continue
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			n++
			value, err := c.change(n, s.last)
			if err != nil {
				return fmt.Errorf("go on: %w", err)
			}
			r := &kgo.Record{Topic: c.Topic, Partition: c.Partition, Key: c.Key, Value: value}
			if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
				return fmt.Errorf("go on: %w", err)
			}
		}
	}
}

// id is the customer's number.
func (r *record) id() (int64, error) {
	row := map[string]json.RawMessage{}
	if err := json.Unmarshal(r.value.Payload["after"], &row); err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(row["id"]), 10, 64)
}

// change is the event of the n-th change, behind all others in its source's order.
func (r *record) change(n int64, last place) ([]byte, error) {
	row, source := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(r.value.Payload["after"], &row); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(r.value.Payload["source"], &source); err != nil {
		return nil, err
	}
	lsn, ms := last.lsn+1000*n, max(time.Now().UnixMilli(), last.ms+1000*n)
	row["note"] = text("changed by the demo, " + strconv.FormatInt(n, 10))
	source["lsn"], source["ts_ms"], source["snapshot"] = number(lsn), number(ms), text("false")
	source["sequence"] = text(fmt.Sprintf(`["%d","%d"]`, lsn-500, lsn))
	event := envelope{Schema: r.value.Schema, Payload: map[string]json.RawMessage{"op": text("u"), "ts_ms": number(ms)}}
	for name, object := range map[string]map[string]json.RawMessage{"after": row, "source": source} {
		encoded, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		event.Payload[name] = encoded
	}
	return json.Marshal(event)
}

func number(n int64) json.RawMessage { return json.RawMessage(strconv.FormatInt(n, 10)) }

func text(s string) json.RawMessage { return json.RawMessage(strconv.Quote(s)) }
