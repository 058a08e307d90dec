-- Refuses an endsync of a resync that has not begun, has one under way, or would
-- close more than the guard lets pass.
DROP PROCEDURE IF EXISTS metadb.check_endsync(text, integer[], integer[], boolean);
CREATE OR REPLACE PROCEDURE metadb.check_endsync(source text, tables integer[], forced integer[], force_all boolean, most numeric)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    refusal text := CASE WHEN NOT force_all THEN metadb.endsync_refusal(source, tables, forced, most) END;
    letters text := metadb.unresolved_letters(source, tables);
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
    ELSIF letters IS NOT NULL THEN
        RAISE EXCEPTION '%', letters USING ERRCODE = '55000', HINT = 'LIST dead_letters shows them.';
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

-- Why an endsync of these tables (NULL: all) must wait for dead letters; NULL if it
-- need not. They hold no key, so that the rows that they confirm are not known.
CREATE OR REPLACE FUNCTION metadb.unresolved_letters(source text, tables integer[]) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format('%s of which not even the key can be read may confirm rows; replay or delete them first (%s)',
               CASE count(*) WHEN 1 THEN 'a dead letter' ELSE format('%s dead letters', count(*)) END,
               string_agg('ID ' || d.id, ', ' ORDER BY d.id))
    FROM metadb.sync_letter l
    JOIN metadb.source_sync y ON y.source = l.source AND l.generation = y.generation
    JOIN metadb.dead_letter d ON d.source = l.source AND d.topic = l.topic AND d.partition = l.partition AND d."offset" = l."offset"
    WHERE l.source = $1 AND (l.table_name = '' OR $2 IS NULL OR EXISTS (
        SELECT FROM metadb.data_table t WHERE t.id = ANY ($2) AND t.schema_name = l.schema_name AND t.table_name = l.table_name))
    HAVING count(*) > 0
$$;
