-- The topic in which a connector says how its snapshots go on. '' and NULL: none.
ALTER TABLE metadb.source ADD COLUMN notification_topic text;
-- Where the partitions of that topic ended when the synchronization began.
ALTER TABLE metadb.source_sync ADD COLUMN notices_from jsonb;
ALTER TABLE metadb.source_sync DROP CONSTRAINT source_sync_complete_by_check;
ALTER TABLE metadb.source_sync ADD CONSTRAINT source_sync_complete_by_check CHECK (complete_by IN ('marks', 'deadline', 'notification'));
