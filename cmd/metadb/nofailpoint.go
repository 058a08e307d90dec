//go:build !failpoint

package main

// failpoint is real only in builds for kill tests.
func failpoint() func(string) { return nil }
