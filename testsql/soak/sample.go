package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// sample is what was seen at one moment of the load.
type sample struct {
	at         time.Duration // since the load began
	lag        int64         // records
	lagSeconds float64
	memory     float64 // of the server, MB
	applied    int64   // records, since the start
	statements int     // of the sessions, since the sample before
	p95        time.Duration
}

// figures are the samples of one stretch of the load, each by its median.
type figures struct {
	lag, lagSeconds, memory, statements, p95 float64
	rate                                     float64 // records/s
}

func figuresOf(samples []sample) figures {
	median := func(value func(sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = value(s)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	first, last := samples[0], samples[len(samples)-1]
	return figures{
		lag:        median(func(s sample) float64 { return float64(s.lag) }),
		lagSeconds: median(func(s sample) float64 { return s.lagSeconds }),
		memory:     median(func(s sample) float64 { return s.memory }),
		statements: median(func(s sample) float64 { return float64(s.statements) }),
		p95:        median(func(s sample) float64 { return float64(s.p95.Microseconds()) / 1000 }),
		rate:       float64(last.applied-first.applied) / max((last.at-first.at).Seconds(), 1e-9),
	}
}

// minSamples is how many samples a verdict needs.
const minSamples = 12

// Bounds of what counts as flat, from the second to the last quarter: a stretch of
// a shared machine may be slower than another, but what grows with time is more.
const (
	lagFactor, lagSlack       = 2.0, 1.0 // seconds
	memoryFactor, memorySlack = 1.2, 16  // MB
)

// judge compares the second quarter of the load with the last; the first is warming
// up. It returns every figure that is not flat.
func judge(samples []sample) error {
	if len(samples) < minSamples {
		return fmt.Errorf("%d samples are too few for a verdict, it takes %d", len(samples), minSamples)
	}
	early, late := quarters(samples)
	var errs []error
	if late.lagSeconds > lagFactor*early.lagSeconds+lagSlack {
		errs = append(errs, fmt.Errorf("lag grows: from %.1f s to %.1f s", early.lagSeconds, late.lagSeconds))
	}
	if late.memory > memoryFactor*early.memory+memorySlack {
		errs = append(errs, fmt.Errorf("memory grows: from %.0f MB to %.0f MB", early.memory, late.memory))
	}
	return errors.Join(errs...)
}

// quarters are the second and the last quarter.
func quarters(samples []sample) (early, late figures) {
	n := len(samples)
	return figuresOf(samples[n/4 : n/2]), figuresOf(samples[3*n/4:])
}

// report prints the figures as a table in Markdown.
func report(out io.Writer, o options, peak, rate float64, samples []sample) {
	early, late := quarters(samples)
	all := figuresOf(samples)
	highest := slices.MaxFunc(samples, func(a, b sample) int { return cmp.Compare(a.lagSeconds, b.lagSeconds) })
	largest := slices.MaxFunc(samples, func(a, b sample) int { return cmp.Compare(a.memory, b.memory) })
	fmt.Fprintf(out, "\n%s, %d tables, %d sessions; peak %.0f changes/s, sent %.0f/s (%.0f %%)\n\n", o.time, o.tables, o.sessions, peak, rate, 100*o.share)
	fmt.Fprintf(out, "| median of | changes/s applied | lag, records | lag, s | memory, MB | statements/s | 95 %% of statements below, ms |\n|---|---|---|---|---|---|---|\n")
	for _, row := range []struct {
		name string
		f    figures
	}{{"second quarter", early}, {"last quarter", late}, {"all", all}} {
		fmt.Fprintf(out, "| %s | %.0f | %.0f | %.1f | %.0f | %.0f | %.1f |\n", row.name, row.f.rate, row.f.lag, row.f.lagSeconds, row.f.memory,
			row.f.statements/o.sample.Seconds(), row.f.p95)
	}
	fmt.Fprintf(out, "\nHighest lag %.1f s after %s, largest memory %.0f MB after %s.\n", highest.lagSeconds, highest.at.Round(time.Second),
		largest.memory, largest.at.Round(time.Second))
}
