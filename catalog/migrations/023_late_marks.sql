-- A mark that comes while an endsync is at work carries its attempt and position, as
-- every other does: if the endsync is refused, it counts as long as they do.
ALTER TABLE metadb.sync_mark_late ADD COLUMN number integer, ADD COLUMN lsn bigint;
UPDATE metadb.sync_mark_late m SET number = (SELECT max(a.number) FROM metadb.sync_attempt a WHERE a.source = m.source AND a.current);
DELETE FROM metadb.sync_mark_late WHERE number IS NULL;
ALTER TABLE metadb.sync_mark_late DROP CONSTRAINT sync_mark_late_pkey, ALTER COLUMN number SET NOT NULL;
CREATE INDEX ON metadb.sync_mark_late (table_id, id);
