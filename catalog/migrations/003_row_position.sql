-- Topics of several partitions. A truncate carries no key and lands on any of
-- them, so it may come before or after rows that it does or does not end: the
-- source's order decides, by time of commit and then lsn. Here are the truncates
-- of the last hour of the source's time, oldest first.
ALTER TABLE metadb.data_table
    ADD COLUMN truncated_ts  bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN truncated_lsn bigint[] NOT NULL DEFAULT '{}';

-- The lsn of versions that a truncate of the same commit time may still meet.
-- Kept as long.
CREATE TABLE metadb.row_position (
    table_id integer NOT NULL,
    id       bigint NOT NULL,
    ts_ms    bigint NOT NULL,
    lsn      bigint NOT NULL,
    PRIMARY KEY (table_id, id)
);

-- Events without a key that were applied, by a hash of what they do and their
-- place in the source: sent again, they may come on another partition. Kept for
-- a day of the source's time.
CREATE TABLE metadb.keyless_seen (
    table_id integer NOT NULL,
    hash     bigint NOT NULL,
    ts_ms    bigint NOT NULL,
    PRIMARY KEY (table_id, hash)
);
