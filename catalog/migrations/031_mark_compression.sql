-- PostgreSQL's own compression of the arrays took more time than all else that a mark
-- costs. lz4 is there in most builds; where it is not, they stay as they are.
DO $$
BEGIN
    ALTER TABLE metadb.sync_mark_batch ALTER COLUMN ids SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    ALTER TABLE metadb.sync_mark_batch ALTER COLUMN ids SET STORAGE EXTERNAL;
END $$;
