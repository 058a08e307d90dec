package console

import (
	"context"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"metadb/catalog"
)

// newRegistry holds everything that /metrics shows.
func newRegistry(opt Options) *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "metadb_build_info", Help: "Always 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": opt.Version, "goversion": runtime.Version()},
	})
	build.Set(1)
	r.MustRegister(build, newSources(opt), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(opt.Metrics...)
	return r
}

// sources collects the metrics of the data sources, from the catalog at each scrape.
type sources struct {
	opt   Options
	up    *prometheus.Desc
	state *prometheus.Desc
	each  []sourceMetric
}

// sourceMetric is a metric of a data source.
type sourceMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	// value is false when there is nothing to tell.
	value func(*catalog.SourceStatus) (float64, bool)
}

func newSources(opt Options) *sources {
	gauge := func(name, help string, value func(*catalog.SourceStatus) (float64, bool)) sourceMetric {
		return sourceMetric{sourceDesc(name, help), prometheus.GaugeValue, value}
	}
	return &sources{
		opt:   opt,
		up:    prometheus.NewDesc("metadb_warehouse_up", "1 while the warehouse's catalog can be read.", nil, nil),
		state: prometheus.NewDesc("metadb_source_state", "1 for the state that a data source is in, 0 for the others.", []string{"source", "state"}, nil),
		each: []sourceMetric{
			{
				sourceDesc("metadb_source_events_total", "Events applied since the data source was created."), prometheus.CounterValue,
				func(s *catalog.SourceStatus) (float64, bool) { return float64(s.Events), true },
			},
			gauge("metadb_source_lag_events", "Records that are known to be in Kafka and are not applied.",
				func(s *catalog.SourceStatus) (float64, bool) {
					if s.Lag == nil {
						return 0, false
					}
					return float64(*s.Lag), true
				}),
			gauge("metadb_source_lag_seconds", "Age of the oldest record that is not applied; 0 when there is none.",
				func(s *catalog.SourceStatus) (float64, bool) {
					if s.LagSeconds == nil {
						return 0, false
					}
					return *s.LagSeconds, true
				}),
			gauge("metadb_source_partitions", "Partitions assigned to this server.",
				func(s *catalog.SourceStatus) (float64, bool) { return float64(s.Partitions), true }),
			gauge("metadb_source_dead_letters", "Records set aside and not resolved.",
				func(s *catalog.SourceStatus) (float64, bool) { return float64(s.DeadLetters), true }),
			gauge("metadb_source_unsynchronized", "1 while events are known to be missing.",
				func(s *catalog.SourceStatus) (float64, bool) {
					if s.Unsynchronized {
						return 1, true
					}
					return 0, true
				}),
			gauge("metadb_source_last_event_timestamp_seconds", "When the last event was applied, as Unix time.",
				func(s *catalog.SourceStatus) (float64, bool) { return unix(s.LastEvent) }),
			gauge("metadb_source_last_error_timestamp_seconds", "When the last error was seen, as Unix time.",
				func(s *catalog.SourceStatus) (float64, bool) { return unix(s.LastErrorAt) }),
		},
	}
}

func sourceDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"source"}, nil)
}

func unix(t *time.Time) (float64, bool) {
	if t == nil {
		return 0, false
	}
	return float64(t.UnixMilli()) / 1000, true
}

// Describe names the metrics.
func (s *sources) Describe(out chan<- *prometheus.Desc) {
	out <- s.up
	out <- s.state
	for _, m := range s.each {
		out <- m.desc
	}
}

// Collect reads the catalog. When it cannot, there is metadb_warehouse_up 0 and
// nothing else: old figures would look like good ones.
func (s *sources) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	list, err := s.opt.Catalog.SourceStatuses(ctx)
	if err != nil {
		s.opt.Log.Debug("metrics without the catalog", "error", err.Error())
		out <- prometheus.MustNewConstMetric(s.up, prometheus.GaugeValue, 0)
		return
	}
	out <- prometheus.MustNewConstMetric(s.up, prometheus.GaugeValue, 1)
	for i := range list {
		source := &list[i]
		for _, state := range catalog.States() {
			value := 0.0
			if state == source.State {
				value = 1
			}
			out <- prometheus.MustNewConstMetric(s.state, prometheus.GaugeValue, value, source.Name, state)
		}
		for _, m := range s.each {
			if v, ok := m.value(source); ok {
				out <- prometheus.MustNewConstMetric(m.desc, m.kind, v, source.Name)
			}
		}
	}
}
