-- SYNC DATA SOURCE: asks the source's worker to begin a new generation. tables:
-- schemas and names alternately; NULL: all tables.
CREATE OR REPLACE PROCEDURE metadb.sync_data_source(source text, tables text[] DEFAULT NULL)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    enabled boolean;
    request bigint;
BEGIN
    UPDATE metadb.source s SET sync = 2 WHERE s.name = sync_data_source.source RETURNING s.enable INTO enabled;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'data source "%" does not exist', source USING ERRCODE = '42704';
    END IF;
    IF EXISTS (SELECT FROM metadb.request r WHERE r.source = sync_data_source.source AND r.kind = 'endsync' AND r.finished_at IS NULL) THEN
        RAISE EXCEPTION 'an endsync of data source "%" is under way', source USING ERRCODE = '55006',
            HINT = 'LIST requests shows it.';
    END IF;
    INSERT INTO metadb.request AS r (kind, source, arguments)
    VALUES ('sync', sync_data_source.source,
        jsonb_strip_nulls(jsonb_build_object('tables', to_jsonb(CASE WHEN tables IS NOT NULL THEN metadb.source_tables(source, tables) END))))
    RETURNING r.id INTO request;
    RAISE NOTICE 'request % is waiting%', request, CASE WHEN enabled THEN '' ELSE ' until the data source is enabled' END
        USING HINT = 'LIST sync_status shows how far it is.';
    CALL metadb.touch();
END $$;
