-- Forgets a source's synchronization. Its marks are worth nothing afterwards; the
-- server sweeps them.
CREATE OR REPLACE FUNCTION metadb.forget_sync(source text) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE metadb.source_state s SET marks = 0 WHERE s.source = $1;
    DELETE FROM metadb.source_sync s WHERE s.source = $1;
    DELETE FROM metadb.sync_attempt s WHERE s.source = $1;
    DELETE FROM metadb.sync_boundary s WHERE s.source = $1;
    DELETE FROM metadb.sync_table s WHERE s.source = $1;
    DELETE FROM metadb.sync_letter s WHERE s.source = $1;
    DELETE FROM metadb.sync_mark_late s WHERE s.source = $1;
    DELETE FROM metadb.sync_gone s WHERE s.source = $1;
$$;
