package debezium

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// image is a row by column. Without schema columns that are null have no type
// here, and are left out.
func (tw twin) image(nodes []map[string]any, members map[string]any) (map[string]string, error) {
	out := map[string]string{}
	if nodes == nil {
		for name, v := range members {
			if v == nil {
				continue
			}
			text, err := tw.bare(v)
			if err != nil {
				return nil, err
			}
			out[name] = text
		}
		return out, nil
	}
	for _, n := range nodes {
		name := n["field"].(string)
		text, err := tw.column(n, members[name])
		if err != nil {
			return nil, err
		}
		out[name] = text
	}
	return out, nil
}

func (tw twin) bare(v any) (string, error) {
	switch v := v.(type) {
	case bool:
		return fmt.Sprintf("boolean %v", v), nil
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE") {
			if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
				return fmt.Sprintf("bigint %d", n), nil
			}
		}
		text, err := twinNatural(string(v))
		if twinGroups(text) > 3000 {
			err = errTwin
		}
		return "numeric " + text, err
	case string:
		if twinPlaceholder(v) {
			return "text UNAVAILABLE", nil
		}
		return "text " + noNUL(v), nil
	}
	if twinForms[canonical(v)] {
		return "jsonb UNAVAILABLE", nil
	}
	tree, err := tw.tree(map[string]any{}, v)
	return "jsonb " + canonical(tree), err
}

func noNUL(s string) string { return strings.ReplaceAll(s, "\x00", "\ufffd") }

func twinPlaceholder(s string) bool {
	return s == DefaultPlaceholder || s == base64.StdEncoding.EncodeToString([]byte(DefaultPlaceholder)) ||
		s == hex.EncodeToString([]byte(DefaultPlaceholder))
}

var twinForms = map[string]bool{
	`["__debezium_unavailable_value"]`:             true,
	`["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]`: true,
	`[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]`: true,
	`{"__debezium_unavailable_value":"__debezium_unavailable_value"}`:                                         true,
}

// canonical is the JSON of a tree with sorted members, numbers as written.
func canonical(v any) string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "error " + err.Error()
	}
	return strings.TrimSpace(buf.String())
}

func twinType(n map[string]any) (string, string) {
	t, _ := n["type"].(string)
	name, _ := n["name"].(string)
	return t, name
}

// column is one typed value as "type text".
func (tw twin) column(n map[string]any, v any) (string, error) {
	t, name := twinType(n)
	pg := map[string]string{
		"boolean": "boolean", "int8": "smallint", "int16": "smallint", "int32": "integer", "int64": "bigint",
		"float": "real", "float32": "real", "double": "double precision", "float64": "double precision", "string": "text", "bytes": "bytea",
	}[t]
	if pg == "" {
		pg = "jsonb"
	}
	for suffix, as := range map[string]string{
		"int32.time.Date": "date", "int32.time.Time": "time without time zone", "int64.time.MicroTime": "time without time zone",
		"int64.time.Timestamp": "timestamp without time zone", "int64.time.MicroTimestamp": "timestamp without time zone",
		"string.data.Uuid": "uuid", "string.data.Json": "jsonb", "string.time.ZonedTimestamp": "timestamp with time zone",
		"string.time.ZonedTime": "time with time zone", "bytes.connect.data.Decimal": "numeric", "bytes.data.Bits": "text",
		"struct.data.VariableScaleDecimal": "numeric",
	} {
		if want, end, _ := strings.Cut(suffix, "."); t == want && strings.HasSuffix(name, "."+end) {
			pg = as
		}
	}
	if v == nil {
		return pg + " NULL", nil
	}
	if s, ok := v.(string); ok && twinPlaceholder(s) && (pg == "text" && t == "string" || pg == "jsonb" && t == "string" || pg == "bytea" || pg == "numeric") {
		return pg + " UNAVAILABLE", nil
	}
	if (t == "array" || t == "map") && twinForms[canonical(v)] {
		return pg + " UNAVAILABLE", nil
	}
	if pg == "jsonb" && t == "string" {
		s, ok := v.(string)
		if !ok {
			return "", errTwin
		}
		return "jsonb " + twinDocument(noNUL(s)), nil
	}
	tree, err := tw.tree(n, v)
	if err != nil {
		return "", err
	}
	if pg == "jsonb" {
		return "jsonb " + canonical(tree), nil
	}
	switch x := tree.(type) {
	case string:
		return pg + " " + x, nil
	case json.Number:
		if pg == "numeric" && twinGroups(string(x)) > 3000 {
			return "", errTwin
		}
		if pg == "real" || pg == "double precision" {
			width := 64
			if pg == "real" {
				width = 32
			}
			f, _ := strconv.ParseFloat(string(x), width)
			return pg + " " + strconv.FormatFloat(f, 'g', -1, width), nil
		}
		return pg + " " + string(x), nil
	}
	return fmt.Sprint(pg, " ", tree), nil
}

// twinDocument is a JSON document as jsonb would read it after repair.
func twinDocument(s string) string {
	v, err := twinJSON([]byte(s))
	if err != nil {
		return "malformed"
	}
	return canonical(twinKeep(v))
}

// twinKeep is a tree without NUL.
func twinKeep(v any) any {
	switch v := v.(type) {
	case string:
		return noNUL(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = twinKeep(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[noNUL(k)] = twinKeep(e)
		}
		return out
	}
	return v
}

// tree is one value as JSON: what stands in an array, and for scalars the text.
func (tw twin) tree(n map[string]any, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	t, name := twinType(n)
	is := func(s string) bool { return strings.HasSuffix(name, s) }
	switch t {
	case "boolean":
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return nil, errTwin
	case "int8", "int16", "int32", "int64":
		return tw.integer(t, is, v)
	case "float", "double", "float32", "float64":
		return tw.float(t, v)
	case "string":
		s, ok := v.(string)
		if !ok {
			return nil, errTwin
		}
		return tw.text(is, noNUL(s))
	case "bytes":
		return tw.bytes(n, is, v)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return nil, errTwin
		}
		out := make([]any, len(list))
		for i, e := range list {
			var err error
			if out[i], err = tw.tree(obj(n["items"]), e); err != nil {
				return nil, err
			}
		}
		return out, nil
	case "struct":
		return tw.structure(n, is, v)
	case "map":
		if list, ok := v.([]any); ok {
			return tw.tree(nil, list)
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, errTwin
		}
		out := map[string]any{}
		for k, e := range m {
			var err error
			if out[noNUL(k)], err = tw.tree(obj(n["values"]), e); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return tw.raw(v)
}

func (tw twin) raw(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		_, err := twinNatural(string(v))
		return v, err
	case string:
		return noNUL(v), nil
	case []any:
		return tw.tree(map[string]any{"type": "array"}, v)
	case map[string]any:
		return tw.tree(map[string]any{"type": "map"}, v)
	}
	return v, nil
}

func (tw twin) structure(n map[string]any, is func(string) bool, v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errTwin
	}
	if is(".data.VariableScaleDecimal") {
		scale, ok := twinInt64(m["scale"])
		if !ok || scale < -1000 || scale > 16383 {
			return nil, errTwin
		}
		return tw.decimal(int(scale), m["value"])
	}
	out := map[string]any{}
	for k, e := range m {
		var node map[string]any
		fields, _ := n["fields"].([]any)
		for _, f := range fields {
			if obj(f)["field"] == k {
				node = obj(f)
			}
		}
		var err error
		if out[noNUL(k)], err = tw.tree(node, e); err != nil {
			return nil, err
		}
	}
	return out, nil
}
