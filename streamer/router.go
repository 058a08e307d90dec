package streamer

import (
	"fmt"
	"regexp"
	"strings"

	"metadb/catalog"
	"metadb/change"
	"metadb/debezium"
	"metadb/warehouse"
)

// router decides where the events of a source table go. It answers once per
// table and remembers.
type router struct {
	passSchema, stopSchema, stopTable []*regexp.Regexp
	trimPrefix, addPrefix, mapPublic  string
	origins                           []string
	targets                           map[sourceTable]*change.Target // nil: filtered
	shared                            map[change.Target]*change.Target
	names                             func(change.Target, warehouse.SourceTable) (change.Target, error)
}

type sourceTable struct{ schema, table string }

// namingError says that the name of a table could not be found out: this has
// nothing to do with the event at hand.
type namingError struct{ error }

func (e *namingError) Unwrap() error { return e.error }

// newRouter compiles the filters of s. origins are tried in their order. names says
// which table has the name that they give.
func newRouter(s catalog.Source, origins []string, names func(change.Target, warehouse.SourceTable) (change.Target, error)) (*router, error) {
	r := &router{
		trimPrefix: s.TrimSchemaPrefix, addPrefix: s.AddSchemaPrefix, mapPublic: s.MapPublicSchema,
		origins: origins, names: names,
		targets: make(map[sourceTable]*change.Target),
		shared:  make(map[change.Target]*change.Target),
	}
	for _, f := range []struct {
		option, list string
		into         *[]*regexp.Regexp
	}{
		{"schema_pass_filter", s.SchemaPassFilter, &r.passSchema},
		{"schema_stop_filter", s.SchemaStopFilter, &r.stopSchema},
		{"table_stop_filter", s.TableStopFilter, &r.stopTable},
	} {
		for entry := range strings.SplitSeq(f.list, ",") {
			if entry = strings.TrimSpace(entry); entry == "" {
				continue
			}
			re, err := regexp.Compile(entry)
			if err != nil {
				return nil, fmt.Errorf("option %s: %w", f.option, err)
			}
			*f.into = append(*f.into, re)
		}
	}
	return r, nil
}

// route returns the target of a source table, nil when a filter rejects it.
func (r *router) route(schema, table string) (*change.Target, error) {
	key := sourceTable{schema, table}
	t, ok := r.targets[key]
	if ok {
		return t, nil
	}
	from := warehouse.SourceTable{Schema: debezium.RepairName(schema), Table: debezium.RepairName(table)}
	if r.passes(from.Schema, from.Table) {
		want := change.Target{Table: from.Table}
		want.Schema, want.Origin = r.mapSchema(from.Schema)
		named, err := r.names(want, from)
		if warehouse.IsEventFault(err) {
			return nil, err
		}
		if err != nil {
			return nil, &namingError{err}
		}
		if t = r.shared[named]; t == nil {
			t = &named
			r.shared[named] = t
		}
	}
	r.targets[key] = t
	return t, nil
}

// damaged says whether the connector has damaged the name of an event's table.
func damaged(ev *change.Event) bool {
	return debezium.RepairName(ev.Table) != ev.Table || debezium.RepairName(ev.Schema) != ev.Schema
}

// filtered says whether a filter rejects a source table.
func (r *router) filtered(schema, table string) bool {
	return !r.passes(debezium.RepairName(schema), debezium.RepairName(table))
}

func (r *router) passes(schema, table string) bool {
	return (len(r.passSchema) == 0 || matchAny(r.passSchema, schema)) &&
		!matchAny(r.stopSchema, schema) && !matchAny(r.stopTable, schema+"."+table)
}

// mapSchema names the target schema and origin of a source schema, as 1.4 does.
func (r *router) mapSchema(schema string) (target, origin string) {
	if schema == "public" && r.mapPublic != "" {
		return r.mapPublic, ""
	}
	s := strings.TrimPrefix(schema, r.trimPrefix)
	s = strings.TrimPrefix(s, "mod_")
	s = strings.TrimSuffix(s, "_storage")
	s = strings.Replace(s, "_mod_", "_", 1)
	for _, o := range r.origins {
		if rest, ok := strings.CutPrefix(s, o+"_"); ok {
			return r.addPrefix + rest, o
		}
	}
	return r.addPrefix + s, ""
}

func matchAny(list []*regexp.Regexp, s string) bool {
	for _, re := range list {
		if re.MatchString(s) {
			return true
		}
	}
	return false
}
