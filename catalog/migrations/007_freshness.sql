-- How far behind a source is in time, and what failed last.
ALTER TABLE metadb.source_status
    ADD COLUMN lag_since     timestamptz,
    ADD COLUMN caught_up     timestamptz,
    ADD COLUMN partitions    integer NOT NULL DEFAULT 0,
    ADD COLUMN last_error    text NOT NULL DEFAULT '',
    ADD COLUMN last_error_at timestamptz;

-- The last change of each table, for metadb.table_status. Written about once a
-- second for the tables that had events since, beside their transactions: it is a
-- statistic, and a crash may lose the last second of it.
CREATE TABLE metadb.table_activity (
    schema_name  text NOT NULL,
    table_name   text NOT NULL,
    source       text NOT NULL,
    events       bigint NOT NULL DEFAULT 0,
    last_change  timestamptz,
    last_applied timestamptz,
    PRIMARY KEY (schema_name, table_name)
) WITH (fillfactor = 50);
