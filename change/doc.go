// Package change holds the neutral change event: what happened to one row of
// one source table, with the row's values already in PostgreSQL's binary form.
//
// It is what decoders produce and the warehouse consumes. It knows nothing of
// Kafka, Debezium or SQL connections and imports no other room.
package change
