-- Truncates of the last hour of the source's time, on topics of several
-- partitions: by the origin that they end the rows of, and also of tables that do
-- not exist yet, since a truncate may be read before the rows that it follows.
CREATE TABLE metadb.truncation (
    schema_name text NOT NULL,
    table_name  text NOT NULL,
    origin      text NOT NULL,
    ts_ms       bigint NOT NULL,
    lsn         bigint NOT NULL,
    PRIMARY KEY (schema_name, table_name, origin, ts_ms, lsn)
);
INSERT INTO metadb.truncation
SELECT d.schema_name, d.table_name, o.origin, u.ts_ms, u.lsn
FROM metadb.data_table d JOIN metadb.table_owner o ON o.table_id = d.id, unnest(d.truncated_ts, d.truncated_lsn) u(ts_ms, lsn)
ON CONFLICT DO NOTHING;
ALTER TABLE metadb.data_table DROP COLUMN truncated_ts, DROP COLUMN truncated_lsn;
