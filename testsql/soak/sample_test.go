package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// course makes samples whose lag and memory follow functions of the share of the
// time that is over.
func course(lagSeconds, memory func(float64) float64) []sample {
	var samples []sample
	for i := range 100 {
		x := float64(i) / 100
		samples = append(samples, sample{at: time.Duration(i) * time.Second, lagSeconds: lagSeconds(x), memory: memory(x), applied: int64(i) * 700})
	}
	return samples
}

func TestJudge(t *testing.T) {
	t.Parallel()
	flat := func(v float64) func(float64) float64 { return func(float64) float64 { return v } }
	for name, tt := range map[string]struct {
		samples []sample
		want    string // "": flat
	}{
		"flat":          {course(flat(0.2), flat(80)), ""},
		"warming up":    {course(flat(0.2), func(x float64) float64 { return 80 + min(x, 0.2)*500 }), ""},
		"one bad while": {course(func(x float64) float64 { return map[bool]float64{true: 30, false: 0.2}[x > 0.5 && x < 0.7] }, flat(80)), ""},
		"lag":           {course(func(x float64) float64 { return 10 * x }, flat(80)), "lag grows: from 3.7 s to 8.7 s"},
		"memory":        {course(flat(0.2), func(x float64) float64 { return 80 + 100*x }), "memory grows: from 117 MB to 167 MB"},
		"both":          {course(func(x float64) float64 { return 10 * x }, func(x float64) float64 { return 80 + 100*x }), "lag grows: from 3.7 s to 8.7 s\nmemory grows: from 117 MB to 167 MB"},
		"too short":     {course(flat(0), flat(1))[:5], "5 samples are too few for a verdict, it takes 12"},
	} {
		got := ""
		if err := judge(tt.samples); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := options{time: 30 * time.Minute, tables: 200, sessions: 20, share: 0.7, sample: 5 * time.Second}
	report(&out, o, 1000, 700, course(func(x float64) float64 { return x }, func(x float64) float64 { return 50 + x }))
	for _, want := range []string{
		"30m0s, 200 tables, 20 sessions; peak 1000 changes/s, sent 700/s (70 %)", "| last quarter | 700 | 0 | 0.9 | 51 |", "Highest lag 1.0 s after 1m39s",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}
