package parser

import (
	"fmt"
	"slices"
)

// parameters are Metadb's own, all of them.
var parameters = []string{
	"checkpoint_segment_size", "external_sql_folio", "external_sql_reshare", "gap_keep_days", "kafka_sync_concurrency", "key_max_wait", "ledger_keep_days", "max_poll_interval",
	"request_keep_days", "schema_change_max_wait", "sync_deadline_seconds", "sync_grace_seconds", "unadopted_marks_keep_days",
}

// takesParameter says whether what follows ALTER SYSTEM SET is one of our
// parameters, in the form that Metadb 1.4 has. Everything else is PostgreSQL's
// (rule R23).
func takesParameter(message string, rest []token) bool {
	if len(rest) != 3 || rest[2].kind != text || message[rest[1].start:rest[1].end] != "=" {
		return false
	}
	c := &cursor{text: message, statement: statement{tokens: rest}}
	name, err := c.part()
	return err == nil && slices.Contains(parameters, name)
}

// alterSystem reads
//
//	ALTER SYSTEM SET parameter = 'value'
//
// What is wrong with a value the routine says: PostgreSQL would not fail the
// client's own text as a statement that it does not know.
func alterSystem(c *cursor) (string, *Error) {
	name, err := c.part()
	if err != nil {
		return "", err
	}
	if !c.acceptSymbol('=') {
		return "", c.wanted(`"="`)
	}
	value, err := c.literal()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("CALL metadb.alter_system_set(%s, %s)", quote(name), quote(value)), nil
}
