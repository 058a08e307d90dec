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

-- Forgets a source's synchronization, in place of which another one comes, or none. If
-- an endsync of it was at work and has closed rows too early, they are a gap.
CREATE OR REPLACE FUNCTION metadb.abandon_sync(source text) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO metadb.source_gap (source, stream, topic, partition, kind, expected, available, detail)
    SELECT s.source, s.stream, '', 0, 'forced', 0, 0,
           format('an endsync that was broken off closed %s records before the snapshot was known to be complete', sum(t.closed))
    FROM metadb.source_sync y JOIN metadb.source_state s USING (source) JOIN metadb.sync_table t USING (source)
    WHERE y.source = $1 AND y.endsync_at IS NOT NULL AND y.complete_at IS NULL
    GROUP BY s.source, s.stream HAVING sum(t.closed) > 0;
    SELECT metadb.forget_sync($1);
$$;
