// Package captures holds recordings of real Debezium topics together with the
// source's contents at their end.  The files are part of the program, so that
// it works from any directory.  README.md says what each recording shows.
package captures
