// Package console is the HTTP side of a server, for those who watch it: metrics in
// Prometheus' text form, and answers to health probes. It reads the catalog and
// changes nothing.
package console
