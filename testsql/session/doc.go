// Package session holds what a person at psql sees: scripts of statements, each
// with the exact output that psql gives on the server's port. Its code is the
// runner of these scripts; whole scenarios with data are in package scenario.
package session
