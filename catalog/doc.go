// Package catalog holds schema metadb of the warehouse: its migrations, the
// routines and views behind Metadb's statements, and Go access to its rows. It
// never touches users' tables; that is the warehouse's room.
//
// Every row here is an interface to somebody: the tables of Metadb 1.4 to its
// reports and to the 1.4 binary, the routines to anybody connected to Postgres,
// the views to BI tools. Columns are added, not changed.
package catalog
