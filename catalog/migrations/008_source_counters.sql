-- What became of a source's records beside the events that were applied: records
-- skipped, by reason, and values that were changed so that they could be stored.
ALTER TABLE metadb.source_status
    ADD COLUMN tombstones bigint NOT NULL DEFAULT 0,
    ADD COLUMN ignored    bigint NOT NULL DEFAULT 0,
    ADD COLUMN filtered   bigint NOT NULL DEFAULT 0,
    ADD COLUMN repeated   bigint NOT NULL DEFAULT 0,
    ADD COLUMN repaired   bigint NOT NULL DEFAULT 0,
    ADD COLUMN nulled     bigint NOT NULL DEFAULT 0;
