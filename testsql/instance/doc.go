// Package instance runs the metadb server as its own process for tests, on a
// warehouse of the test's own, and lets them kill it at named points and speak to
// it with psql.
package instance
