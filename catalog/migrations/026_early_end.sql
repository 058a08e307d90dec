-- Ends of rows that came before the rows, by another topic: events under a name that
-- the connector has damaged, of rows that a snapshot brings under the right one.
CREATE TABLE metadb.early_end (
    table_id integer NOT NULL,
    origin   text NOT NULL,
    key_hash bytea NOT NULL,
    ts_ms    bigint NOT NULL,
    lsn      bigint NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_id, origin, key_hash, ts_ms, lsn)
);
