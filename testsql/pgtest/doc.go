// Package pgtest gives tests real PostgreSQL databases.
//
// A test process starts one server at the first need and each test gets a
// database of its own on it, so that tests run in parallel.  A test that stops
// or kills its server asks for a private one.  A package that uses pgtest has
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
package pgtest
