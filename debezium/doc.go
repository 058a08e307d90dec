// Package debezium turns the bytes of one Kafka record, a Debezium change event
// in JSON, into a change.Event. It knows nothing of Kafka clients, of the
// warehouse or of SQL: what a record means for a table is decided elsewhere.
//
// The order of work, one file each: scan (strict JSON, one pass), object (which
// member goes into which slot), schema (the schema block becomes columns),
// cache (a schema block seen before is only compared), envelope (where things
// stand in the record), decoder (the event), and then one file for each family
// of values: number, numeric, float, temporal, zoned, text, document, binary,
// render.
//
// A record that cannot be decoded exactly gives a *BadEvent and no guess. Its
// text names the column and the rule and never holds a value.
package debezium
