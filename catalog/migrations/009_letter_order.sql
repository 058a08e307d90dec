-- What a dead letter's event was, as far as it could be read: its operation ('' if
-- not even that), its source time, and a hash of its key. next_ts_ms is the source
-- time of the first event of the same key that was applied after it: replayed, the
-- letter's event ends there.
ALTER TABLE metadb.dead_letter
    ADD COLUMN op         text NOT NULL DEFAULT '',
    ADD COLUMN ts_ms      bigint,
    ADD COLUMN key_hash   bytea,
    ADD COLUMN next_ts_ms bigint;

-- A dead letter that may be a delete or a truncate leaves rows that the source no
-- longer has (rule R4). The gap outlives the letter: to delete the letter does not
-- apply its event.
ALTER TABLE metadb.source_gap
    ADD COLUMN letter bigint,
    ADD COLUMN detail text NOT NULL DEFAULT '',
    DROP CONSTRAINT source_gap_kind_check,
    ADD CONSTRAINT source_gap_kind_check CHECK (kind IN ('retention', 'truncated', 'recreated', 'dead_letter', 'forced'));
CREATE INDEX ON metadb.source_gap (letter) WHERE letter IS NOT NULL;
