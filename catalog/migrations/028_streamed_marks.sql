-- By which is found which rows of a table are confirmed by what was streamed.
CREATE INDEX ON metadb.sync_mark_batch (table_id) WHERE lsns IS NOT NULL;
