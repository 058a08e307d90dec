-- ALTER DATA SOURCE … ENABLE | DISABLE: the server starts or stops reading.
DROP PROCEDURE IF EXISTS metadb.enable_data_source(text, boolean);
CREATE OR REPLACE PROCEDURE metadb.enable_data_source(name text, enable boolean, if_exists boolean DEFAULT false)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
BEGIN
    IF enable IS NULL THEN
        RAISE EXCEPTION 'enable must be true or false' USING ERRCODE = '22004';
    END IF;
    UPDATE metadb.source s SET enable = enable_data_source.enable WHERE s.name = enable_data_source.name;
    IF NOT FOUND THEN
        CALL metadb.no_such_source(name, if_exists);
        RETURN;
    END IF;
    CALL metadb.touch();
END $$;
