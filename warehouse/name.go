package warehouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	return suffixed(name, name)
}

// suffixed is a name with a hash of what it stands for behind it, shortened at a
// character border where it would be too long.
func suffixed(name string, of ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(of, "\x00")))
	tail := "_" + hex.EncodeToString(sum[:5])
	cut := min(len(name), maxName-len(tail))
	for cut < len(name) && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + tail
}

// freeName is a name for a part of a table that nothing else in the schema has:
// base or, where that is taken, base with a suffix.
func freeName(ctx context.Context, tx pgx.Tx, schema, base string) (string, error) {
	name := base
	for n := 1; ; n++ {
		var taken bool
		err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL OR to_regtype($1) IS NOT NULL OR EXISTS (
			SELECT FROM metadb.table_source WHERE schema_name = $2 AND $3 IN (table_name, main_name))`,
			quote(schema, name), schema, name).Scan(&taken)
		if err != nil {
			return "", fmt.Errorf("look for %s: %w", name, err)
		}
		if !taken {
			return name, nil
		}
		name = suffixed(base, schema, base, strconv.Itoa(n))
	}
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
// that is too long or belongs to us. A name that ours would give to another gets
// the prefix once more, so that different columns stay different.
func columnName(source string) string {
	rest := source
	for strings.HasPrefix(rest, "source") {
		rest = rest[len("source"):]
	}
	for _, s := range systemColumns {
		if rest == s {
			return fit("source" + source)
		}
	}
	return fit(source)
}

// reservedSchema says whether a schema is never a target (rule R11).
func reservedSchema(schema string) bool {
	return schema == "" || schema == "metadb" || schema == "information_schema" || strings.HasPrefix(schema, "pg_")
}
