package warehouse

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// maxName is the length in bytes beyond which PostgreSQL cuts an identifier.
const maxName = 63

// quote renders a qualified name for SQL text. Every identifier passes here.
func quote(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// fit shortens a name that is too long to its beginning and a hash of the whole,
// at a character border, so that different long names stay different.
func fit(name string) string {
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	tail := "_" + hex.EncodeToString(sum[:5])
	cut := maxName - len(tail)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + tail
}

// Names of the parts of the table S.T, as 1.4 derives them; where 1.4's name
// would be cut at 63 bytes and clash, a hash takes its place.
func mainName(table string) string    { return fit(table + "__") }
func historyName(table string) string { return fit("zzz___" + table + "___") }
func syncName(table string) string    { return fit("zzz___" + table + "___sync") }

// yearName is the partition of the history that holds the versions begun in year.
func yearName(table string, year int) string {
	return fit("zzz___" + table + "___" + strconv.Itoa(year))
}

// systemColumns are the columns of every history table besides the source's.
var systemColumns = [...]string{"__id", "__start", "__end", "__current", "__origin"}

// columnName is the warehouse column of a source column: its own name, unless
// that is too long or belongs to us.
func columnName(source string) string {
	for _, s := range systemColumns {
		if source == s {
			return "source" + source
		}
	}
	return fit(source)
}

// reservedSchema says whether a schema is never a target (rule R11).
func reservedSchema(schema string) bool {
	return schema == "" || schema == "metadb" || schema == "information_schema" || strings.HasPrefix(schema, "pg_")
}
