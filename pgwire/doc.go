// Package pgwire is the front end of the PostgreSQL wire protocol: it relays
// every client's connection to a backend connection of its own, message by
// message. It does not know Metadb's statements, which a function it is given
// rewrites, nor the catalog that they change.
//
// No message is put in, left out, split or moved. Two kinds of answer are
// edited, those to statements that were rewritten: the command tag, and the
// error. So transactions, pipelines, portals and formats are PostgreSQL's own.
//
// A connection passes through startup.go and auth.go, then two pumps carry its
// bytes, one for each direction. They share a ledger, which matches the answers
// with the statements they belong to.
package pgwire
