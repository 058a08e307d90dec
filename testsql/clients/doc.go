// Package clients runs drivers and migration tools against the server, and
// against PostgreSQL itself for comparison.
//
// Each driver's folder holds the same programme in its own language. Called with
// "plain" it runs SQL of every kind: what it prints through the server must be
// what it prints with PostgreSQL. Called with "own" it runs Metadb's statements,
// and prints what is in own.out. The folders of the migration tools hold
// migrations with such statements.
//
// What is needed is installed from its registry at the versions that the folders
// say, into the user's cache directory: with METADB_TEST_LONG only, and Apache
// Superset with METADB_TEST_BI only.
package clients
