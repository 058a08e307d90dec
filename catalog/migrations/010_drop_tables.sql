-- A source whose tables were dropped with it reads its topics from their beginning
-- when it is created again, whatever the consumer group has committed.
ALTER TABLE metadb.source_state ADD COLUMN from_start boolean NOT NULL DEFAULT false;
ALTER TABLE metadb.source_stream ADD COLUMN from_start boolean NOT NULL DEFAULT false;
