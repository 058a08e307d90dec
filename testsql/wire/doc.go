// Package wire tests port 8550 with the server as a process: what a client sees
// there must be what PostgreSQL would show it, but for Metadb's own statements.
package wire
