package debezium

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"metadb/change"
)

// The twin decodes the same records slowly and by other means: encoding/json,
// math/big, time and regular expressions. Its output is text, by column name.

type twinEvent struct {
	op, schema, table, snapshot string
	tsMs, sentMs                int64
	pos                         change.Position
	hasRow, hasBefore, hasKey   bool
	row, before, key            map[string]string // "type value"
}

var errTwin = errors.New("bad")

type twin struct{}

func twinJSON(b []byte) (any, error) {
	depth := 0
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	for {
		t, err := dec.Token()
		if err != nil {
			break
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > 1000 {
			return nil, errTwin
		}
	}
	dec = json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if !json.Valid(b) {
		return nil, errTwin
	}
	return v, nil
}

func obj(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func (tw twin) decode(key, value []byte) (Result, *twinEvent, error) {
	if len(value) == 0 {
		return Tombstone, nil, nil
	}
	v, err := twinJSON(value)
	if err != nil {
		return 0, nil, err
	}
	if v == nil {
		return Tombstone, nil, nil
	}
	top := obj(v)
	if top == nil {
		return NotChange, nil, nil
	}
	schema, payload := map[string]any(nil), top
	if p, ok := top["payload"]; ok {
		schema = obj(top["schema"])
		if payload = obj(p); payload == nil {
			return NotChange, nil, nil
		}
	}
	op, _ := payload["op"].(string)
	if len(op) != 1 {
		return NotChange, nil, nil
	}
	if !strings.Contains("crudt", op) {
		return IgnoredOp, nil, nil
	}
	ev := &twinEvent{op: op}
	ev.sentMs, _ = twinInt64(payload["ts_ms"])
	if err := tw.source(ev, obj(payload["source"])); err != nil {
		return 0, nil, err
	}
	if op == "t" {
		return Change, ev, nil
	}
	return Change, ev, tw.images(ev, key, schema, payload)
}

func (tw twin) source(ev *twinEvent, src map[string]any) error {
	var ok bool
	if ev.tsMs, ok = twinInt64(src["ts_ms"]); !ok {
		return errTwin
	}
	if src["schema"] != nil {
		if ev.schema, ok = src["schema"].(string); !ok {
			return errTwin
		}
	}
	if ev.table, ok = src["table"].(string); !ok || ev.table == "" {
		return errTwin
	}
	if strings.ContainsAny(ev.schema+ev.table, "\x00") || strings.ContainsRune(ev.schema+ev.table, utf8.RuneError) {
		return errTwin
	}
	if ev.snapshot, _ = src["snapshot"].(string); ev.snapshot == "false" {
		ev.snapshot = ""
	}
	ev.pos.TxID, _ = twinInt64(src["txId"])
	if n, ok := twinInt64(src["lsn"]); ok && n >= 0 {
		ev.pos.LSN, ev.pos.HasLSN = uint64(n), true
	}
	if s, ok := src["sequence"].(string); ok {
		var half []*string
		lsn := regexp.MustCompile(`^\d{1,19}$`)
		if json.Unmarshal([]byte(s), &half) == nil && len(half) == 2 && half[0] != nil && half[1] != nil &&
			lsn.MatchString(*half[0]) && lsn.MatchString(*half[1]) {
			ev.pos.CommitLSN, _ = strconv.ParseUint(*half[0], 10, 64)
			ev.pos.HasCommit = true
		}
	}
	return nil
}

func (tw twin) images(ev *twinEvent, key []byte, schema, payload map[string]any) error {
	names, keyNodes, keyPayload, err := tw.keyOf(key)
	if err != nil {
		return err
	}
	var nodes []map[string]any
	if schema != nil {
		fields, _ := schema["fields"].([]any)
		for _, f := range fields {
			if obj(f)["field"] == "after" {
				fs, _ := obj(f)["fields"].([]any)
				for _, n := range fs {
					nodes = append(nodes, obj(n))
				}
			}
		}
		if nodes == nil {
			return errTwin
		}
		for _, n := range names {
			found := false
			for _, node := range nodes {
				found = found || node["field"] == n
			}
			if !found {
				names = nil
				break
			}
		}
	}
	after, before := obj(payload["after"]), obj(payload["before"])
	if ev.op != "d" {
		if after == nil {
			return errTwin
		}
		if schema == nil {
			for _, n := range names {
				if v, ok := after[n]; !ok || v == nil { // null: type not known here
					names = nil
					break
				}
			}
		}
		if ev.row, err = tw.image(nodes, after); err != nil {
			return err
		}
		ev.hasRow = true
	}
	if len(names) == 0 {
		if (ev.op == "u" || ev.op == "d") && before != nil {
			ev.hasBefore = true
			ev.before, err = tw.image(nodes, before)
		}
		return err
	}
	ev.hasKey = true
	if ev.op == "d" {
		if keyNodes == nil {
			ev.key, err = tw.image(nil, keyPayload)
		} else {
			for _, n := range names {
				if _, ok := keyPayload[n]; !ok {
					return errTwin
				}
			}
			ev.key, err = tw.image(keyNodes, keyPayload)
		}
	} else {
		ev.key = map[string]string{}
		for _, n := range names {
			if _, ok := after[n]; !ok {
				return errTwin
			}
			ev.key[n] = ev.row[n]
		}
	}
	for n, v := range ev.key {
		if strings.HasSuffix(v, "UNAVAILABLE") || strings.Contains(v, "\ufffd") {
			return fmt.Errorf("key %s", n)
		}
	}
	return err
}

func (tw twin) keyOf(key []byte) (names []string, nodes []map[string]any, payload map[string]any, err error) {
	if len(key) == 0 {
		return nil, nil, nil, nil
	}
	v, err := twinJSON(key)
	if err != nil {
		return nil, nil, nil, err
	}
	if obj(v) == nil {
		return nil, nil, nil, nil
	}
	payload = obj(v)
	if p, ok := payload["payload"]; ok {
		schema := obj(payload["schema"])
		if payload = obj(p); payload == nil {
			return nil, nil, nil, nil
		}
		if schema != nil {
			fields, _ := schema["fields"].([]any)
			for _, f := range fields {
				n, _ := obj(f)["field"].(string)
				names, nodes = append(names, n), append(nodes, obj(f))
			}
			return names, nodes, payload, nil
		}
	}
	for n := range payload {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, nil, payload, nil
}
