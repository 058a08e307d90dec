-- What every statement says of a data source that is not there.
CREATE OR REPLACE PROCEDURE metadb.no_such_source(name text, if_exists boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF if_exists THEN
        RAISE NOTICE 'data source "%" does not exist, skipping', name;
        RETURN;
    END IF;
    RAISE EXCEPTION 'data source "%" does not exist', name USING ERRCODE = '42704',
        HINT = 'LIST data_sources shows those that are there.';
END $$;
