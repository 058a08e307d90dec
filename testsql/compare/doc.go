// Package compare says whether a warehouse holds what a recording's source
// held: it compares the current rows with the source's final contents, looks
// for impossible histories, and compares whole histories with the tables that
// Metadb 1.4 made.
//
// It reads the warehouse through SQL only and shares no code with the program
// that it judges.
package compare
