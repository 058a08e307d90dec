-- The options of a data source as an object; fails on a name that is none.
CREATE OR REPLACE FUNCTION metadb.source_options(options text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known CONSTANT text[] := ARRAY['brokers', 'security', 'topics', 'consumer_group',
        'schema_pass_filter', 'schema_stop_filter', 'table_stop_filter',
        'trim_schema_prefix', 'add_schema_prefix', 'map_public_schema', 'module'];
    object jsonb := jsonb_object(options);
    bad text;
BEGIN
    SELECT k INTO bad FROM jsonb_object_keys(object) k WHERE NOT k = ANY (known) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'invalid option "%"', bad USING ERRCODE = '22023',
            HINT = 'Valid options in this context are: ' || array_to_string(known, ', ') || '.';
    END IF;
    RETURN object;
END $$;
