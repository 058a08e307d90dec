-- REPLAY DEAD LETTERS: asks the source's worker for it. ids NULL: all that the
-- source has when the worker begins.
CREATE OR REPLACE PROCEDURE metadb.replay_dead_letters(source text, ids bigint[] DEFAULT NULL)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    enabled boolean;
    bad bigint;
    request bigint;
BEGIN
    SELECT s.enable INTO enabled FROM metadb.source s WHERE s.name = replay_dead_letters.source FOR KEY SHARE;
    IF NOT FOUND THEN
        CALL metadb.no_such_source(source, false);
    END IF;
    SELECT i INTO bad FROM unnest(ids) i WHERE NOT EXISTS (
        SELECT FROM metadb.dead_letter d WHERE d.source = replay_dead_letters.source AND d.id = i) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'dead letter % of data source "%" does not exist', bad, source USING ERRCODE = '42704',
            HINT = 'LIST dead_letters shows those that are there.';
    END IF;
    INSERT INTO metadb.request AS r (kind, source, arguments)
    VALUES ('replay', replay_dead_letters.source, jsonb_strip_nulls(jsonb_build_object('ids', to_jsonb(ids))))
    RETURNING r.id INTO request;
    RAISE NOTICE 'request % is waiting%', request, CASE WHEN enabled THEN '' ELSE ' until the data source is enabled' END
        USING HINT = 'LIST requests shows what has come of it.';
    CALL metadb.touch();
END $$;
