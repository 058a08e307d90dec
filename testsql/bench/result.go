package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// progress is when which position of the topic was in the warehouse.
type progress []progressPoint

type progressPoint struct {
	at   time.Time
	next int64
}

func (p *progress) add(next int64) {
	if n := len(*p); next > 0 && (n == 0 || (*p)[n-1].next != next) {
		*p = append(*p, progressPoint{time.Now(), next})
	}
}

// reached is the first point at or after a position.
func (p progress) reached(next int64) progressPoint {
	i := slices.IndexFunc(p, func(q progressPoint) bool { return q.next >= next })
	return p[i]
}

// outcome is what one run measured.
type outcome struct {
	snapshot, updates float64       // events/s
	start             time.Duration // server: from CREATE DATA SOURCE to the first commit
	peak              int64         // server: peak resident memory, bytes
	cpu               float64       // server: CPU time, µs per event
}

// rates takes both phases from a complete progress: the snapshot from the first
// commit to the one that has its last row, the updates from there to the last.
func (p progress) rates(snapshot, end int64) outcome {
	rate := func(a, b progressPoint) float64 {
		return float64(b.next-a.next) / max(b.at.Sub(a.at).Seconds(), 1e-9)
	}
	middle := p.reached(snapshot)
	o := outcome{snapshot: rate(p[0], middle)}
	if end > middle.next {
		o.updates = rate(middle, p.reached(end))
	}
	return o
}

func (o outcome) notes() string {
	if o.peak == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f µs CPU/event  peak %d MB  first commit after %.2f s", o.cpu, o.peak>>20, o.start.Seconds())
}

// floorName is the side that the others are compared with.
const floorName = "floor"

// results are the outcomes by side, in the order of the sides.
type results struct {
	names []string
	runs  map[string][]outcome
}

func (r *results) add(name string, o outcome) {
	if r.runs == nil {
		r.runs = make(map[string][]outcome)
	}
	if !slices.Contains(r.names, name) {
		r.names = append(r.names, name)
	}
	r.runs[name] = append(r.runs[name], o)
}

// print writes the table of medians; the runs stand beside them in their order.
func (r *results) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 2, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\n\tmedian\tof the floor\truns")
	r.section(w, "snapshot, events/s", true, func(o outcome) float64 { return o.snapshot })
	r.section(w, "updates, events/s", true, func(o outcome) float64 { return o.updates })
	r.section(w, "CPU of the server, ns/event", false, func(o outcome) float64 { return o.cpu * 1000 })
	r.section(w, "peak memory, MB", false, func(o outcome) float64 { return float64(o.peak >> 20) })
	r.section(w, "first commit after, ms", false, func(o outcome) float64 { return float64(o.start.Milliseconds()) })
	_ = w.Flush() // to standard output
}

// section is one figure of all sides that have it.
func (r *results) section(w io.Writer, title string, compared bool, of func(outcome) float64) {
	floor := median(collect(r.runs[floorName], of))
	for _, name := range r.names {
		values := collect(r.runs[name], of)
		if median(values) == 0 {
			continue
		}
		ratio := ""
		if compared && floor > 0 {
			ratio = fmt.Sprintf("%.2f", median(values)/floor)
		}
		fmt.Fprintf(w, "%s: %s\t%.0f\t%s\t%s\n", title, name, median(values), ratio, list(values))
	}
}

func collect(all []outcome, of func(outcome) float64) []float64 {
	values := make([]float64, len(all))
	for i := range all {
		values[i] = of(all[i])
	}
	return values
}

func list(values []float64) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprintf("%.0f", v)
	}
	return strings.Join(words, " ")
}

// median is the middle value, the lower one of two.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// header names what the figures were measured on.
func header(ctx context.Context, w *warehouse) (string, error) {
	version, err := w.version(ctx)
	if err != nil {
		return "", err
	}
	var s strings.Builder
	fmt.Fprintf(&s, "%s  %s/%s  %s\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Fprintf(&s, "%d cores, %s, %s\n", runtime.NumCPU(), procField("/proc/cpuinfo", "model name"), procField("/proc/meminfo", "MemTotal"))
	fmt.Fprintf(&s, "PostgreSQL %s:", version)
	set := settings()
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&s, " %s=%s", name, set[name])
	}
	s.WriteString("\n\n")
	return s.String(), nil
}

// procField is the value of the first line "name: value" of a file in /proc, ""
// where there is none.
func procField(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
