-- Refuses an endsync of a resync that has not begun, has one under way, or would
-- close more than the guard lets pass.
CREATE OR REPLACE PROCEDURE metadb.check_endsync(source text, tables integer[], forced integer[], force_all boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refusal text := CASE WHEN NOT force_all THEN metadb.endsync_refusal(source, tables, forced) END;
    open_kind text;
BEGIN
    SELECT r.kind INTO open_kind FROM metadb.request r
    WHERE r.source = check_endsync.source AND r.kind IN ('sync', 'endsync') AND r.finished_at IS NULL ORDER BY r.id LIMIT 1;
    IF open_kind = 'endsync' THEN
        RAISE EXCEPTION 'an endsync of data source "%" is under way', source USING ERRCODE = '55006',
            HINT = 'LIST requests shows it.';
    ELSIF open_kind = 'sync' OR NOT EXISTS (SELECT FROM metadb.source_sync y WHERE y.source = check_endsync.source AND y.adopted) THEN
        RAISE EXCEPTION 'the synchronization of data source "%" has not begun yet', source USING ERRCODE = '55000',
            HINT = 'The server begins it; LIST requests shows what it waits for.';
    ELSIF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'too many current records of data source "%" have not been confirmed by the new snapshot', source
            USING ERRCODE = '55000', DETAIL = 'These would be marked as deleted: ' || refusal || '.',
            HINT = 'Wait until LIST status shows snapshot_complete; EXPLAIN ENDSYNC DATA SOURCE shows what would be closed. '
                || 'Where it is right to close it, name the tables: ENDSYNC DATA SOURCE … FORCE TABLE schema.table, … or FORCE ALL.';
    END IF;
END $$;

-- Fails unless the source is being resynchronized.
CREATE OR REPLACE FUNCTION metadb.demand_resync(source text) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mode smallint;
BEGIN
    SELECT s.sync INTO mode FROM metadb.source s WHERE s.name = demand_resync.source;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'data source "%" does not exist', source USING ERRCODE = '42704';
    ELSIF mode <> 2 THEN
        RAISE EXCEPTION 'data source "%" is not being resynchronized', source USING ERRCODE = '55000',
            HINT = 'An endsync of an initial synchronization closes nothing; SYNC DATA SOURCE begins another one.';
    END IF;
END $$;
