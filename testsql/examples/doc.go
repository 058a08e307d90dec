// Package examples runs what the README and the pages of docs/statements show: each
// block of commands, and each conversation with psql, whose answers must be the
// ones that are printed. It holds the reader of these pages; its tests hold what
// plays them.
//
// In a printed answer "…" stands for anything, and alone on its line for any lines.
package examples
