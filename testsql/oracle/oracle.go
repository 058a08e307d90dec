// Package oracle holds the history tables that Metadb 1.4 made of a recording,
// for a comparison row by row.  README.md says how they were made and where
// they are wrong.
package oracle

import (
	"embed"
	"io/fs"
)

//go:embed all:shop known_wrong.csv
var files embed.FS

// Files gives all files: CAPTURE/STATE/SCHEMA.TABLE.csv and known_wrong.csv.
func Files() fs.FS { return files }
