package main

import (
	"os"
	"strings"

	"golang.org/x/term"

	"metadb/catalog"
	"metadb/cmd/metadb/progress"
)

// syncProgress shows how far a request is: a bar on a terminal, else lines.
type syncProgress struct {
	*syncCommand
	said  string         // what the request does, as shown last
	tries *progress.Line // tables of the safety check
	rows  *progress.Line // rows that are closed
}

func newSyncProgress(c *syncCommand) *syncProgress { return &syncProgress{syncCommand: c} }

// look shows what has changed.
func (s *syncProgress) look(p catalog.RequestProgress, running bool) {
	says := p.Detail
	if p.State == "waiting" {
		switch {
		case !running:
			return
		case !p.Enabled:
			says = "waiting until the data source is enabled"
		case p.Trouble != "":
			says = "waiting: " + oneLine(p.Trouble)
		default:
			return
		}
	}
	check, table := strings.HasPrefix(says, "safety check"), strings.HasPrefix(says, "finalizing table")
	if says != s.said && says != "" && says != inferring {
		s.said = says
		if !s.terminal() && !check || s.verbose || !check && !table {
			s.say("%s", says)
		}
	}
	switch {
	case check && p.Total > 0:
		if s.tries == nil {
			s.tries = progress.New(s.out, "tables", p.Total)
		}
		s.tries.Show(p.Done, "safety check")
	case table && p.ToClose > 0:
		if s.rows == nil {
			s.close()
			s.rows = progress.New(s.out, "records", p.ToClose)
		}
		s.rows.Show(p.Closed, strings.TrimPrefix(says, "finalizing table "))
	}
}

// done shows the end.
func (s *syncProgress) done(p catalog.RequestProgress) {
	if s.rows != nil {
		s.rows.Show(max(p.Closed, p.ToClose), "")
	}
	s.close()
	if p.Detail != "" {
		s.say("%s", p.Detail)
	}
}

func (s *syncProgress) close() {
	for _, l := range []**progress.Line{&s.tries, &s.rows} {
		if *l != nil {
			(*l).Close()
			*l = nil
		}
	}
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
