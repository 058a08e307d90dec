// Package streamer carries events from data sources into the warehouse: it
// follows the catalog's data sources, reads each one's stream from its stored
// positions, decides which table an event belongs to and whether it was seen
// before, and hands batches to the warehouse. It writes no table of users, and
// does not know how events are encoded; debezium does.
package streamer
