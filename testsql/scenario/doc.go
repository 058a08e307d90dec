// Package scenario tests the whole program: the server, the broker and Postgres
// as processes of their own, driven by psql, killed and restarted, and their
// tables compared with what the recorded sources held. It has no code but tests.
package scenario
