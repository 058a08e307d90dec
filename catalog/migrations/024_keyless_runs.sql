-- Rows of one COPY page may be equal: as many of them are real as the connector has sent
-- in the run in which it sent the most. So its times of sending are kept, too.
DELETE FROM metadb.keyless_seen;
ALTER TABLE metadb.keyless_seen ADD COLUMN sent_ms bigint[] NOT NULL;

-- The mark's transaction, and the highest lsn on the way to its pair: by these an event
-- is known whose connector has forgotten the commit before.
ALTER TABLE metadb.source_offset ADD COLUMN tx_id bigint, ADD COLUMN top_lsn bigint;
