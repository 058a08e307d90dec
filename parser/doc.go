// Package parser holds Metadb's own statements: it finds them in the text of a
// client's message, checks them, and turns each into SQL that PostgreSQL runs.
// It does not hold what the statements do (that is the catalog's), nor anything
// of the wire, and it does no I/O.
//
// A message that holds none of our statements is told apart by its first words
// and never scanned. One that may hold some is cut into tokens by PostgreSQL's
// own scanner, and only if that view of the text is certain to be the backend's
// view too is anything replaced: a proxy that disagrees with the database about
// where a literal ends makes injections out of correct programs (see exact.go).
//
// To add a statement, add a file with its form, and the form to the table in
// statement.go.
package parser
