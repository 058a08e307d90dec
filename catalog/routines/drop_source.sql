-- DROP DATA SOURCE: the tables, and the positions of its streams, stay unless the
-- tables are to be dropped.
DROP PROCEDURE IF EXISTS metadb.drop_data_source(text, boolean);
CREATE OR REPLACE PROCEDURE metadb.drop_data_source(
    name text, if_exists boolean DEFAULT false, drop_tables boolean DEFAULT false)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
BEGIN
    DELETE FROM metadb.source s WHERE s.name = drop_data_source.name;
    IF NOT FOUND THEN
        CALL metadb.no_such_source(name, if_exists);
        RETURN;
    END IF;
    UPDATE metadb.request r SET state = 'failed', detail = 'the data source was dropped', finished_at = now()
    WHERE r.source = drop_data_source.name AND r.state IN ('waiting', 'running') AND r.kind <> 'drop_tables';
    DELETE FROM metadb.key_wait k WHERE k.source = drop_data_source.name;
    IF drop_tables THEN
        CALL metadb.request_drop(name);
    END IF;
    CALL metadb.touch();
END $$;
