-- CREATE DATA ORIGIN
CREATE OR REPLACE PROCEDURE metadb.create_data_origin(name text, if_not_exists boolean DEFAULT false)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
BEGIN
    IF octet_length(name) > 63 THEN
        RAISE EXCEPTION 'data origin name "%" too long', name USING ERRCODE = '42622';
    END IF;
    INSERT INTO metadb.origin (name) VALUES (create_data_origin.name) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        CALL metadb.touch();
    ELSIF if_not_exists THEN
        RAISE NOTICE 'data origin "%" already exists, skipping', name USING ERRCODE = '42710';
    ELSE
        RAISE EXCEPTION 'data origin "%" already exists', name USING ERRCODE = '42710';
    END IF;
END $$;
