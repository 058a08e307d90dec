-- ENDSYNC DATA SOURCE: asks for the end of a synchronization, if the numbers known
-- now allow it; the worker looks again, exactly. Lists as in SYNC DATA SOURCE. Up to
-- max_unconfirmed percent of each table, and of the source, may be closed.
DROP PROCEDURE IF EXISTS metadb.endsync_data_source(text, text[], text[], boolean);
CREATE OR REPLACE PROCEDURE metadb.endsync_data_source(
    source text, tables text[] DEFAULT NULL, forced text[] DEFAULT NULL, force_all boolean DEFAULT false, max_unconfirmed numeric DEFAULT NULL)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    s metadb.source%ROWTYPE;
    only_tables integer[] := CASE WHEN tables IS NOT NULL THEN metadb.source_tables(source, tables) END;
    forced_tables integer[] := metadb.source_tables(source, forced);
    refusal text;
    request bigint;
BEGIN
    SELECT * INTO s FROM metadb.source x WHERE x.name = endsync_data_source.source FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'data source "%" does not exist', source USING ERRCODE = '42704';
    ELSIF s.sync = 0 THEN
        RAISE EXCEPTION '"endsync" can only be used in sync mode' USING ERRCODE = '55000',
            HINT = 'SYNC DATA SOURCE begins a synchronization.';
    ELSIF s.sync = 2 THEN
        CALL metadb.check_endsync(source, only_tables, forced_tables, force_all, max_unconfirmed);
    END IF;
    INSERT INTO metadb.request AS r (kind, source, arguments)
    VALUES ('endsync', source, jsonb_strip_nulls(jsonb_build_object('tables', to_jsonb(only_tables), 'forced', to_jsonb(forced_tables), 'force_all', force_all,
        'max_unconfirmed', max_unconfirmed,
        'generation', (SELECT y.generation FROM metadb.source_sync y WHERE y.source = endsync_data_source.source))))
    RETURNING r.id INTO request;
    RAISE NOTICE 'request % is waiting%', request, CASE WHEN s.enable THEN '' ELSE ' until the data source is enabled' END
        USING HINT = 'LIST sync_status shows how far it is.';
    CALL metadb.touch();
END $$;

-- ENDSYNC DATA SOURCE … WAIT: the same, and waits for the end.
CREATE OR REPLACE PROCEDURE metadb.endsync_data_source_and_wait(source text, tables text[], forced text[], force_all boolean)
LANGUAGE plpgsql
AS $$
BEGIN
    COMMIT; -- fails in a transaction, before anything is asked for
    CALL metadb.endsync_data_source(source, tables, forced, force_all);
    CALL metadb.wait_for_request(metadb.own_request(), false);
END $$;
