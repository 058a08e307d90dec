-- DROP DATA SOURCE: the tables, and the positions of its streams, stay.
CREATE OR REPLACE PROCEDURE metadb.drop_data_source(name text, if_exists boolean DEFAULT false)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
BEGIN
    DELETE FROM metadb.source s WHERE s.name = drop_data_source.name;
    IF FOUND THEN
        UPDATE metadb.request r SET state = 'failed', detail = 'the data source was dropped', finished_at = now()
        WHERE r.source = drop_data_source.name AND r.state IN ('waiting', 'running');
        CALL metadb.touch();
    ELSE
        CALL metadb.no_such_source(name, if_exists);
    END IF;
END $$;
