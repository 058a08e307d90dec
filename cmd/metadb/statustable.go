package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"metadb/catalog"
)

// statusTable is the state for people.
func statusTable(o *overview) string {
	var b strings.Builder
	switch {
	case o.Server.Running && o.Server.Started != nil:
		fmt.Fprintf(&b, "server %s, up %s, %s\n", o.Server.Version, span(o.Time.Sub(*o.Server.Started)), count(len(o.Sources), "data source"))
	default:
		fmt.Fprintf(&b, "server not running, %s\n", count(len(o.Sources), "data source"))
	}
	if len(o.Sources) == 0 {
		return b.String()
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "SOURCE\tSTATE\tSYNC\tLAG\tRECORDS\tEVENTS/S\tEVENTS\tPARTITIONS\tDEAD\tNOTE")
	for i := range o.Sources {
		s := &o.Sources[i]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.0f\t%d\t%d\t%d\t%s\n", s.Name, s.State, s.Sync, seconds(s.LagSeconds), records(s.Lag),
			s.Rate, s.Events, s.Partitions, s.DeadLetters, note(s))
	}
	_ = t.Flush() // a strings.Builder takes everything
	return trimLines(b.String())
}

// note is what is to be said of a source in one line.
func note(s *catalog.SourceStatus) string {
	text := s.Reason
	if text == "" && s.Unsynchronized {
		text = "events are missing"
	}
	return strings.Join(strings.Fields(text), " ")
}

// trimLines removes the blanks that fill empty last columns.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// seconds is a lag in time; "-" when it is not known.
func seconds(s *float64) string {
	if s == nil {
		return "-"
	}
	if *s < 60 {
		return fmt.Sprintf("%.1f s", *s)
	}
	return span(time.Duration(*s * float64(time.Second)))
}

// records is a lag in records; "-" when it is not known.
func records(n *int64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// span is a duration in its two largest units.
func span(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%d s", max(d, 0)/time.Second)
	}
}
