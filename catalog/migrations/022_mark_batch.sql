-- Marks of one batch, table and attempt in one row: a row per mark costs more than
-- finding that the row it confirms is as it was. lsns: NULL for records of a
-- snapshot, else the lsn of each mark as in metadb.sync_mark, which from now on has
-- those of tables without a key, whose batches look them up.
CREATE TABLE metadb.sync_mark_batch (
    table_id integer NOT NULL,
    number   integer NOT NULL,
    ids      bigint[] NOT NULL,
    lsns     bigint[]
);
CREATE INDEX ON metadb.sync_mark_batch (table_id);
CREATE INDEX ON metadb.sync_mark_batch (number);
