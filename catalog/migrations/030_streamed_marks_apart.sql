-- Marks of streamed events go to metadb.sync_mark for all tables, a row each, where an
-- index finds them: a snapshot asks for each of its rows whether one lies behind it.
-- Those that a synchronization under way has counted so far count for their attempt.
ALTER TABLE metadb.sync_mark_batch DROP COLUMN lsns;
