-- The synchronization with which a partition came (metadb.source_sync.generation). Those
-- of a lower number are read to their ends before those of a higher one.
ALTER TABLE metadb.source_offset ADD COLUMN since integer NOT NULL DEFAULT 0;
