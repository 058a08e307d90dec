-- EXPLAIN ENDSYNC: what an endsync would close now, counted exactly, with a few of
-- the keys for those who may read the table.
CREATE OR REPLACE FUNCTION metadb.explain_endsync(source text)
RETURNS TABLE (schema_name text, table_name text, current_records bigint, confirmed bigint, to_be_closed bigint,
               percent numeric, in_snapshot boolean, sample text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    t record;
    unconfirmed text;
BEGIN
    PERFORM metadb.demand_resync(explain_endsync.source);
    FOR t IN SELECT c.*, d.key_columns FROM metadb.sync_counts c JOIN metadb.data_table d ON d.id = c.table_id
             WHERE c.source = explain_endsync.source AND NOT c.ended ORDER BY c.schema_name, c.table_name LOOP
        schema_name := t.schema_name;
        table_name := t.table_name;
        in_snapshot := t.snapshot_rows > 0;
        unconfirmed := metadb.unconfirmed_sql(explain_endsync.source, t.table_id);
        EXECUTE format('SELECT (SELECT count(*) %s), (SELECT count(*) %s)', metadb.current_sql(explain_endsync.source, t.table_id), unconfirmed)
            INTO current_records, to_be_closed;
        confirmed := current_records - to_be_closed;
        percent := round(100.0 * to_be_closed / nullif(current_records, 0), 1);
        sample := NULL;
        IF to_be_closed > 0 AND coalesce(cardinality(t.key_columns), 0) > 0
           AND has_table_privilege(session_user, format('%I.%I', t.schema_name, t.table_name), 'SELECT') THEN
            EXECUTE format('SELECT array_agg(k) FROM (SELECT concat_ws('', '', %s) AS k %s ORDER BY c.__id LIMIT 5) x',
                (SELECT string_agg(format('c.%I', k), ', ') FROM unnest(t.key_columns) k), unconfirmed) INTO sample;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
