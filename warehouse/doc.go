// Package warehouse is the only writer of users' tables: it lays out history
// tables as Metadb 1.4 does, changes them as the source's tables change, and
// applies batches of change events to them. It knows nothing of Kafka or
// Debezium: it takes change.Batch values.
//
// A batch is applied in one transaction together with its positions, so a crash
// at any point leaves either both or neither. The current rows of the batch's
// keys are read into memory, the events are folded there one by one, and the
// difference is written: one UPDATE for the rows that end, one COPY for the
// versions that begin. A batch therefore gives the same tables as its events
// one by one.
//
// Schema changes never run inside the batch's transaction: they commit before
// it, each in its own short one (rule R6).
package warehouse
