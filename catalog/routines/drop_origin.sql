-- DROP DATA ORIGIN: rows that have it keep it.
CREATE OR REPLACE PROCEDURE metadb.drop_data_origin(name text, if_exists boolean DEFAULT false)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
DECLARE
    used bigint;
BEGIN
    DELETE FROM metadb.origin o WHERE o.name = drop_data_origin.name;
    IF FOUND THEN
        SELECT count(*) INTO used FROM metadb.table_owner t WHERE t.origin = drop_data_origin.name;
        IF used > 0 THEN
            RAISE NOTICE 'the rows of origin "%" in % tables stay as they are', name, used
                USING HINT = 'From now on its events go to schemas whose names begin with the origin.';
        END IF;
        CALL metadb.touch();
    ELSIF if_exists THEN
        RAISE NOTICE 'data origin "%" does not exist, skipping', name;
    ELSE
        RAISE EXCEPTION 'data origin "%" does not exist', name USING ERRCODE = '42704',
            HINT = 'LIST data_origins shows those that are there.';
    END IF;
END $$;
