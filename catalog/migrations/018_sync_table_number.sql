-- The attempt of which snapshot_rows and confirmed are: a connector's new attempt
-- voids those of its own tables only.
ALTER TABLE metadb.sync_table ADD COLUMN number integer;

-- Read by a worker that has opened: the rows of which it must know all.
CREATE INDEX ON metadb.sync_letter (source, schema_name, table_name);
